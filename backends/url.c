#include "backends/url.h"

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char) (c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An escape that is none stays as it stands. */
static struct ff_str
unescape(struct ff_str text, struct ff_arena *arena)
{
    char *out = ff_arena_alloc(arena, text.n + 1u);
    uint32_t n = 0;

    for (uint32_t i = 0; i < text.n; i++) {
        if (text.p[i] == '%' && i + 2 < text.n && hex_value(text.p[i + 1]) >= 0 &&
            hex_value(text.p[i + 2]) >= 0) {
            out[n++] = (char) (hex_value(text.p[i + 1]) << 4 | hex_value(text.p[i + 2]));
            i += 2;
        } else {
            out[n++] = text.p[i];
        }
    }
    out[n] = '\0';
    return ff_str(out, n);
}

/* Cuts `text` at the first `mark` (last: at the last one); *rest is what follows it. */
static struct ff_str
cut(struct ff_str text, char mark, bool last, struct ff_str *rest)
{
    const char *at = NULL;

    if (text.n > 0) {
        at = last ? memrchr(text.p, mark, text.n) : memchr(text.p, mark, text.n);
    }
    *rest = ff_str(NULL, 0);
    if (at == NULL) {
        return text;
    }
    *rest = ff_str(at + 1, text.n - (size_t) (at + 1 - text.p));
    return ff_str(text.p, (size_t) (at - text.p));
}

bool
ff_url_number(struct ff_str text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || value > max) {
            return false;
        }
        value = value * 10 + (uint64_t) (text.p[i] - '0');
    }
    *out = value;
    return text.n > 0 && value <= max;
}

static const char *
parse_place(struct ff_str place, struct ff_arena *arena, struct ff_url *out)
{
    struct ff_str port, host = ff_str(NULL, 0);
    uint64_t number = 0;

    if (place.n > 0 && place.p[0] == '[') {
        host = cut(ff_str(place.p + 1, place.n - 1), ']', false, &port);
        if (port.p == NULL || (port.n > 0 && port.p[0] != ':')) {
            return "malformed_host";
        }
        port = port.n == 0 ? ff_str(NULL, 0) : ff_str(port.p + 1, port.n - 1);
    } else {
        host = cut(place, ':', true, &port);
    }
    if (port.p != NULL && (!ff_url_number(port, UINT16_MAX, &number) || number == 0)) {
        return "malformed_port";
    }
    out->port = (uint16_t) number;
    if (host.n > 0) {
        out->host = ff_arena_printf(arena, "%.*s", (int) host.n, host.p);
    }
    return NULL;
}

const char *
ff_url_parse(struct ff_str rest, struct ff_arena *arena, struct ff_url *out)
{
    struct ff_str place, path, who, password, all = cut(rest, '?', false, &out->query);

    *out = (struct ff_url){ .query = out->query };
    who = cut(all, '@', true, &place);
    if (place.p == NULL) {
        place = who;
        who = ff_str(NULL, 0);
    }
    place = cut(place, '/', false, &path);
    if (path.p != NULL) {
        path = ff_str(path.p - 1, path.n + 1u);
        out->path = unescape(path, arena);
    }
    if (who.p != NULL) {
        who = cut(who, ':', false, &password);
        out->user = who.n > 0 ? unescape(who, arena) : ff_str(NULL, 0);
        out->password = password.p != NULL ? unescape(password, arena) : password;
    }
    return parse_place(place, arena, out);
}

bool
ff_url_parameter(struct ff_str *query, struct ff_arena *arena, struct ff_str *name,
                 struct ff_str *value)
{
    struct ff_str all = *query;

    if (all.n == 0) {
        return false;
    }
    all = cut(all, '&', false, query);
    *name = cut(all, '=', false, value);
    *value = unescape(*value, arena);
    return true;
}
