/* The server-side functions. Their names end in a digest of the code, so that brokers of different
 * versions do not disturb each other on one server. */
#include <stdio.h>

#include "backends/valkey/valkey_int.h"
#include "core/partition.h"

/* commit: a batch, all or nothing.
 *   mark, generation, number     the broker's mark; a connection that was given up is refused
 *   n, (key, version)*           what must not have moved; else nothing is done, and they are told
 *   feeds, n, (family, stream, body)*      events, which get the next numbers
 *   n, (family, stream, up_to)*            events that go, never the newest
 *   then commands, each a msgpack list of words; of E, index, scopes, scope: the scope leaves the
 *   list of scopes if nothing stands in it any more
 * beat: mark, brokers, id, keep_ms: the server's clock, then all brokers that live. */
static const char code[] =
    "local function events(call, args, at)\n"
    "  local feeds, newest = args[at], {}\n"
    "  at = at + 1\n"
    "  for _ = 1, tonumber(args[at]) do\n"
    "    local family = args[at + 1]\n"
    "    local seq = (newest[family] or tonumber(call('HGET', feeds, family) or '0')) + 1\n"
    "    newest[family] = seq\n"
    "    call('XADD', args[at + 2], string.format('%.0f-0', seq), 'row', args[at + 3])\n"
    "    at = at + 3\n"
    "  end\n"
    "  at = at + 1\n"
    "  for family, seq in pairs(newest) do\n"
    "    call('HSET', feeds, family, string.format('%.0f', seq))\n"
    "  end\n"
    "  for _ = 1, tonumber(args[at]) do\n"
    "    local last = tonumber(call('HGET', feeds, args[at + 1]) or '0')\n"
    "    local from = math.min(tonumber(args[at + 3]) + 1, last)\n"
    "    call('XTRIM', args[at + 2], 'MINID', string.format('%.0f-0', from))\n"
    "    at = at + 3\n"
    "  end\n"
    "  return at + 1\n"
    "end\n"
    "local function commit(_, args)\n"
    "  local call = redis.call\n"
    "  if call('HGET', args[1], 'generation') ~= args[2] then\n"
    "    return redis.error_reply('FFGIVENUP this connection is not the broker\\'s last one')\n"
    "  end\n"
    "  local at, moved = 4, {}\n"
    "  for i = 1, tonumber(args[at]) do\n"
    "    if (call('HGET', args[at + 1], '_version') or '0') ~= args[at + 2] then\n"
    "      moved[#moved + 1] = i - 1\n"
    "    end\n"
    "    at = at + 2\n"
    "  end\n"
    "  if #moved > 0 then\n"
    "    return moved\n"
    "  end\n"
    "  at = events(call, args, at + 1)\n"
    "  local read = cmsgpack.unpack\n"
    "  for i = at, #args do\n"
    "    local words = read(args[i])\n"
    "    if words[1] ~= 'E' then\n"
    "      call(unpack(words))\n"
    "    elseif call('EXISTS', words[2]) == 0 then\n"
    "      call('ZREM', words[3], words[4])\n"
    "    end\n"
    "  end\n"
    "  call('HSET', args[1], 'number', args[3])\n"
    "  return redis.status_reply('OK')\n"
    "end\n"
    "local function beat(_, args)\n"
    "  local call = redis.call\n"
    "  local time = call('TIME')\n"
    "  local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
    "  call('PEXPIRE', args[1], '604800000')\n"
    "  call('ZADD', args[2], string.format('%.0f', now), args[3])\n"
    "  call('ZREMRANGEBYSCORE', args[2], '-inf', string.format('%.0f', now - args[4]))\n"
    "  local all = call('ZRANGE', args[2], 0, -1)\n"
    "  table.insert(all, 1, string.format('%.0f', now))\n"
    "  return all\n"
    "end\n";

static const char *
digest(void)
{
    static char hex[17];

    if (hex[0] == '\0') {
        snprintf(hex, sizeof(hex), "%016llx",
                 (unsigned long long) ff_fnv1a64(code, sizeof(code) - 1));
    }
    return hex;
}

void
ff_vk_fcall(struct ff_resp *out, const char *function, uint32_t n_args)
{
    char name[48];

    snprintf(name, sizeof(name), "ff_%s_%s", function, digest());
    ff_resp_head(out, 3 + n_args);
    ff_resp_text(out, "FCALL");
    ff_resp_text(out, name);
    ff_resp_text(out, "0");
}

static void
on_loaded(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    (void) tag;
    if (reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "already exists") == NULL) {
        ff_vk_drop(&valkey->main, "the server does not take the functions: %s", reply->str);
    }
}

void
ff_vk_function_load(struct valkey *valkey)
{
    char text[sizeof(code) + 256];

    snprintf(text, sizeof(text),
             "#!lua name=ff_%s\n%s"
             "redis.register_function('ff_commit_%s', commit)\n"
             "redis.register_function('ff_beat_%s', beat)\n",
             digest(), code, digest(), digest());
    ff_resp_words(&valkey->main.out, "FUNCTION", "LOAD", text, NULL);
    ff_vk_expect(&valkey->main, on_loaded, 0);
}
