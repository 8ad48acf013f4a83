#include "workers/exec_upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/id.h"
#include "workers/work_dir.h"

static bool
write_one(const char *dir, const struct ff_upstream *upstream, FILE *index)
{
    char id[FF_EID_TEXT_MAX], name[FF_UUID_TEXT_MAX];
    const char *file = upstream->left_out ? "omitted" : "-";

    ff_eid_text(&upstream->execution_id, id);
    ff_uuid_text(&upstream->execution_id.uuid, name);
    if (upstream->result.p != NULL) {
        file = name;
        if (!ff_write_file(dir, name, upstream->result)) {
            return false;
        }
    }
    fprintf(index, "%s %s %s\n", id, ff_upstream_outcome(upstream), file);
    return true;
}

static bool
write_all(const char *dir, const struct ff_job *job, FILE *index)
{
    for (uint32_t i = 0; i < ff_job_upstream_count(job); i++) {
        if (!write_one(dir, ff_job_upstream(job, i), index)) {
            return false;
        }
    }
    return true;
}

bool
ff_exec_upstream_write(const char *dir, const struct ff_job *job)
{
    char path[4096], *text = NULL;
    size_t bytes = 0;
    FILE *index = NULL;
    bool ok = false;

    if (ff_job_upstream_count(job) == 0) {
        return true;
    }
    if (snprintf(path, sizeof(path), "%s/upstream", dir) >= (int) sizeof(path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (mkdir(path, 0700) != 0) {
        return false;
    }
    index = open_memstream(&text, &bytes);
    FF_ASSERT(index != NULL);
    ok = write_all(path, job, index);
    fclose(index);
    ok = ok && ff_write_file(path, "index", ff_str(text, (uint32_t) bytes));
    free(text);
    return ok;
}
