/* The server-side functions. Their names end in a digest of the code, so that brokers of different
 * versions do not disturb each other on one server. */
#include <stdio.h>

#include "backends/valkey/valkey_int.h"
#include "core/partition.h"

/* commit: a batch, all or nothing.
 *   mark, generation, number     the broker's mark; a connection that was given up is refused
 *   after                        the batch before it, which must be the last one made; 0: any
 *   n, (key, dump)*              hashes in serialised form
 *   then lists of words packed by msgpack, one behind the other, in this order:
 *   NONE, key*                   records that must not be there
 *   AT, (key, version)*          what must not have moved. Else nothing is done, and the positions
 *                                of those that have among all that were checked are answered
 *   BOTH, (key, version, version)*   the same of an execution and its first attempt; "" = not there
 *   FIRST, (key, version)*       the same of the first attempt alone
 *   RECORDS, (key, dump)*        more hashes
 *   EVENTS, feeds, (family, stream, n, (row, body)*n)*    which get the next numbers
 *   TRIM, feeds, (family, stream, up_to)*     events that go, never the newest
 *   EMPTY, scopes, (index, scope)*            scopes leave the list if nothing stands in them
 *   anything else is a command
 * walk: cursor, pattern, count: the next cursor, then names of records, also of first attempts
 * upgrade: cursor, pattern, count: first attempts of the first layout go into their executions'
 *                                hashes; the next cursor
 * beat: mark, brokers, id, keep_ms: the server's clock, then all brokers that live.
 * load: commands as they travel, one text: all replies. For a full server. */
static const char code[] =
    "local call, feeds, newest\n"
    "local function restore(words, from, to)\n"
    "  for i = from, to, 2 do\n"
    "    call('RESTORE', words[i], '0', words[i + 1], 'REPLACE')\n"
    "  end\n"
    "end\n"
    "local does = {}\n"
    "function does.RECORDS(words)\n"
    "  restore(words, 2, #words)\n"
    "end\n"
    "function does.EVENTS(words)\n"
    "  feeds = words[2]\n"
    "  local i = 3\n"
    "  while i <= #words do\n"
    "    local family, n = words[i], tonumber(words[i + 2])\n"
    "    local seq = (newest[family] or tonumber(call('HGET', feeds, family) or '0')) + n\n"
    "    newest[family] = seq\n"
    "    call('XADD', words[i + 1], string.format('%.0f-0', seq),\n"
    "         unpack(words, i + 3, i + 2 + 2 * n))\n"
    "    i = i + 3 + 2 * n\n"
    "  end\n"
    "end\n"
    "function does.TRIM(words)\n"
    "  for i = 3, #words, 3 do\n"
    "    local mark = words[i] .. ':from'\n"
    "    local last = newest[words[i]] or tonumber(call('HGET', words[2], words[i]) or '0')\n"
    "    local from = math.min(tonumber(words[i + 2]) + 1, last)\n"
    "    if from > tonumber(call('HGET', words[2], mark) or '0') then\n"
    "      call('HSET', words[2], mark, string.format('%.0f', from))\n"
    "      call('XTRIM', words[i + 1], 'MINID', string.format('%.0f-0', from))\n"
    "    end\n"
    "  end\n"
    "end\n"
    "function does.EMPTY(words)\n"
    "  for i = 3, #words, 2 do\n"
    "    if call('EXISTS', words[i]) == 0 then\n"
    "      call('ZREM', words[2], words[i + 1])\n"
    "    end\n"
    "  end\n"
    "end\n"
    "local checks = {}\n"
    "function checks.NONE(words, moved, at)\n"
    "  if call('EXISTS', unpack(words, 2)) > 0 then\n"
    "    for i = 2, #words do\n"
    "      if call('HEXISTS', words[i], '_version') == 1 then\n"
    "        moved[#moved + 1] = at + i - 2\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "  return at + #words - 1\n"
    "end\n"
    "local function of(field)\n"
    "  return function(words, moved, at)\n"
    "    for i = 2, #words, 2 do\n"
    "      if (call('HGET', words[i], field) or '') ~= words[i + 1] then\n"
    "        moved[#moved + 1] = at\n"
    "      end\n"
    "      at = at + 1\n"
    "    end\n"
    "    return at\n"
    "  end\n"
    "end\n"
    "checks.AT = of('_version')\n"
    "checks.FIRST = of('attempt._version')\n"
    "function checks.BOTH(words, moved, at)\n"
    "  for i = 2, #words, 3 do\n"
    "    local now = call('HMGET', words[i], '_version', 'attempt._version')\n"
    "    if now[1] ~= words[i + 1] then\n"
    "      moved[#moved + 1] = at\n"
    "    end\n"
    "    if (now[2] or '') ~= words[i + 2] then\n"
    "      moved[#moved + 1] = at + 1\n"
    "    end\n"
    "    at = at + 2\n"
    "  end\n"
    "  return at\n"
    "end\n"
    "local function commit(_, args)\n"
    "  call, feeds, newest = redis.call, nil, {}\n"
    "  local last = call('HMGET', args[1], 'generation', 'number')\n"
    "  if last[1] ~= args[2] then\n"
    "    return redis.error_reply('FFGIVENUP this connection is not the broker\\'s last one')\n"
    "  end\n"
    "  if args[4] ~= '0' and last[2] ~= args[4] then\n"
    "    return redis.status_reply('ORPHANED')\n"
    "  end\n"
    "  local at, moved, records = 0, {}, tonumber(args[5]) * 2\n"
    "  local text, next, words = args[6 + records], 0, nil\n"
    "  local function list()\n"
    "    if next < 0 or text == '' then\n"
    "      return {}\n"
    "    end\n"
    "    next, words = cmsgpack.unpack_one(text, next)\n"
    "    return words\n"
    "  end\n"
    "  words = list()\n"
    "  while checks[words[1]] do\n"
    "    at = checks[words[1]](words, moved, at)\n"
    "    words = list()\n"
    "  end\n"
    "  if #moved > 0 then\n"
    "    return moved\n"
    "  end\n"
    "  restore(args, 6, 5 + records)\n"
    "  while words[1] do\n"
    "    if does[words[1]] then\n"
    "      does[words[1]](words)\n"
    "    else\n"
    "      call(unpack(words))\n"
    "    end\n"
    "    words = list()\n"
    "  end\n"
    "  for family, seq in pairs(newest) do\n"
    "    call('HSET', feeds, family, string.format('%.0f', seq))\n"
    "  end\n"
    "  call('HSET', args[1], 'number', args[3])\n"
    "  return redis.status_reply('OK')\n"
    "end\n"
    "local function walk(_, args)\n"
    "  local page = redis.call('SCAN', args[1], 'MATCH', args[2], 'COUNT', args[3])\n"
    "  local found = { page[1] }\n"
    "  for _, key in ipairs(page[2]) do\n"
    "    local home, id = string.match(key, '^([^}]*}):exec:(.*)$')\n"
    "    local there = home and redis.call('HMGET', key, '_version', 'attempt._version')\n"
    "    if not there or there[1] then\n"
    "      found[#found + 1] = key\n"
    "    end\n"
    "    if there and there[2] then\n"
    "      found[#found + 1] = home .. ':attempt:' .. id .. ':0000000000'\n"
    "    end\n"
    "  end\n"
    "  return found\n"
    "end\n"
    "local function upgrade(_, args)\n"
    "  local page = redis.call('SCAN', args[1], 'MATCH', args[2], 'COUNT', args[3])\n"
    "  for _, key in ipairs(page[2]) do\n"
    "    local home, id = string.match(key, '^([^}]*}):attempt:(.*):0000000000$')\n"
    "    local fields = home and redis.call('HGETALL', key) or {}\n"
    "    for i = 1, #fields, 2 do\n"
    "      fields[i] = 'attempt.' .. fields[i]\n"
    "    end\n"
    "    if #fields > 0 then\n"
    "      redis.call('HSET', home .. ':exec:' .. id, unpack(fields))\n"
    "      redis.call('DEL', key)\n"
    "    end\n"
    "  end\n"
    "  return page[1]\n"
    "end\n"
    "local function load(_, args)\n"
    "  local text, at, replies = args[1], 1, {}\n"
    "  local function number()\n"
    "    local till = string.find(text, '\\r', at, true)\n"
    "    local digits = string.sub(text, at + 1, till - 1)\n"
    "    at = till + 2\n"
    "    return tonumber(digits)\n"
    "  end\n"
    "  while at <= #text do\n"
    "    local words = {}\n"
    "    for i = 1, number() do\n"
    "      local n = number()\n"
    "      words[i] = string.sub(text, at, at + n - 1)\n"
    "      at = at + n + 2\n"
    "    end\n"
    "    if words[1] == 'FCALL' then\n"
    "      replies[#replies + 1] = walk(nil, { unpack(words, 4) })\n"
    "    else\n"
    "      replies[#replies + 1] = redis.call(unpack(words))\n"
    "    end\n"
    "  end\n"
    "  return replies\n"
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
    static const struct {
        const char *name, *flags;
    } functions[] = { { "commit", "" },
                      { "beat", "" },
                      { "upgrade", "" },
                      { "load", "'no-writes'" },
                      { "walk", "'no-writes'" } };
    char text[sizeof(code) + 1024];
    int n = snprintf(text, sizeof(text), "#!lua name=ff_%s\n%s", digest(), code);

    for (size_t i = 0; i < FF_COUNT(functions); i++) {
        n += snprintf(text + n, sizeof(text) - (size_t) n,
                      "redis.register_function{function_name = 'ff_%s_%s', callback = %s,"
                      " flags = {%s}}\n",
                      functions[i].name, digest(), functions[i].name, functions[i].flags);
    }
    FF_ASSERT(n < (int) sizeof(text));
    ff_resp_words(&valkey->main.out, "FUNCTION", "LOAD", text, NULL);
    ff_vk_expect(&valkey->main, on_loaded, 0);
}
