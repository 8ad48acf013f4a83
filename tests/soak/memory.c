/* memory.c: what the daemon's processes hold, and whether it grows. */
#include <stdio.h>
#include <string.h>

#include "tests/soak/soak.h"

#define NAMES_MAX 32
#define SAMPLES_MAX 65536
/* A process that is younger still fills its caches. */
#define YOUNG_S 5.0
/* What memory may grow by over the time that is looked at, beside a quarter of it. */
#define GROWTH_KIB_MAX 4096.0
#define GROWTH_PART_MAX 0.25
/* A line needs so many points. */
#define POINTS_MIN 10

struct sample {
    uint32_t name;
    double at_s;
    double pss_kib, rss_kib;
};

struct soak_memory {
    char names[NAMES_MAX][64];
    pid_t pids[NAMES_MAX];
    double since_s[NAMES_MAX]; /* the present process is there */
    uint32_t names_n;
    struct sample samples[SAMPLES_MAX];
    uint32_t samples_n;
};

struct soak_memory *
ff_soak_memory_new(void)
{
    struct soak_memory *memory = calloc(1, sizeof(*memory));

    FF_ASSERT(memory != NULL);
    return memory;
}

void
ff_soak_memory_free(struct soak_memory *memory)
{
    free(memory);
}

static uint32_t
place_of(struct soak_memory *memory, const char *name)
{
    uint32_t i = 0;

    while (i < memory->names_n && strcmp(memory->names[i], name) != 0) {
        i++;
    }
    if (i == memory->names_n) {
        FF_ASSERT(i < NAMES_MAX);
        snprintf(memory->names[i], sizeof(memory->names[i]), "%s", name);
        memory->names_n++;
    }
    return i;
}

/* False: the process is gone. */
static bool
read_process(pid_t pid, struct sample *sample)
{
    char path[64], line[256];
    FILE *file = NULL;
    int found = 0;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int) pid);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        found += sscanf(line, "Rss: %lf kB", &sample->rss_kib) == 1;
        found += sscanf(line, "Pss: %lf kB", &sample->pss_kib) == 1;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found == 2;
}

static void
take_one(struct soak_memory *memory, const char *name, pid_t pid, double at_s)
{
    uint32_t place = place_of(memory, name);
    struct sample sample = { .name = place, .at_s = at_s };

    if (memory->pids[place] != pid) {
        memory->pids[place] = pid;
        memory->since_s[place] = at_s;
    }
    if (at_s - memory->since_s[place] >= YOUNG_S && memory->samples_n < SAMPLES_MAX &&
        read_process(pid, &sample)) {
        memory->samples[memory->samples_n++] = sample;
    }
}

void
ff_soak_memory_take(struct soak_memory *memory, const struct ff_tree_view *view, pid_t supervisor,
                    double at_s)
{
    take_one(memory, "supervisor", supervisor, at_s);
    for (uint32_t i = 0; i < view->n; i++) {
        if (view->v[i].pid > 0 && view->v[i].state == FF_CHILD_READY) {
            take_one(memory, view->v[i].name, view->v[i].pid, at_s);
        }
    }
}

double
ff_soak_memory_mib(const struct soak_memory *memory, const char *name)
{
    for (uint32_t i = memory->samples_n; i > 0; i--) {
        if (strcmp(memory->names[memory->samples[i - 1].name], name) == 0) {
            return memory->samples[i - 1].rss_kib / 1024;
        }
    }
    return 0;
}

struct line {
    uint32_t n;
    double mean_kib, rss_kib, slope; /* KiB a second */
    double span_s;
};

/* Least squares over the samples of one name. */
static struct line
fit(const struct soak_memory *memory, uint32_t name, double from_s)
{
    struct line line = { 0 };
    double t = 0, tt = 0, ty = 0, first_s = 0, last_s = 0;

    for (uint32_t i = 0; i < memory->samples_n; i++) {
        const struct sample *sample = &memory->samples[i];

        if (sample->name == name && sample->at_s >= from_s) {
            first_s = line.n == 0 ? sample->at_s : first_s;
            last_s = sample->at_s;
            line.n++;
            t += sample->at_s;
            tt += sample->at_s * sample->at_s;
            ty += sample->at_s * sample->pss_kib;
            line.mean_kib += sample->pss_kib;
            line.rss_kib += sample->rss_kib;
        }
    }
    if (line.n > 1) {
        double n = line.n, spread = tt - t * t / n;

        line.slope = spread > 0 ? (ty - t * line.mean_kib / n) / spread : 0;
        line.mean_kib /= n;
        line.rss_kib /= n;
        line.span_s = last_s - first_s;
    }
    return line;
}

uint32_t
ff_soak_memory_report(const struct soak_memory *memory, double from_s)
{
    uint32_t grown = 0;

    printf("\n%-12s %10s %10s %14s  %s\n", "memory", "RSS MiB", "PSS MiB", "KiB a minute", "");
    for (uint32_t i = 0; i < memory->names_n; i++) {
        struct line line = fit(memory, i, from_s);
        double growth_kib = line.slope * line.span_s;
        bool judged = line.n >= POINTS_MIN;
        bool grows = judged && growth_kib > GROWTH_KIB_MAX + GROWTH_PART_MAX * line.mean_kib;

        printf("%-12s %10.1f %10.1f %+14.1f  %s\n", memory->names[i], line.rss_kib / 1024,
               line.mean_kib / 1024, 60 * line.slope,
               grows    ? "GROWS"
               : judged ? "flat"
                        : "too few samples to tell");
        grown += grows;
    }
    return grown;
}
