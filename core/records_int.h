/* records_int.h: for the files that derive indexes. */
#ifndef FF_CORE_RECORDS_INT_H
#define FF_CORE_RECORDS_INT_H

#include "core/records.h"

/* Where one record stands. */
struct ff_standing {
    struct ff_index_key *v;
    uint32_t n;
    struct ff_key id;
};

/* One more entry; in the order of the indexes' numbers. */
void ff_stand(struct ff_standing *keys, enum ff_index index, struct ff_scope scope, int64_t sort);
void ff_scope_add(struct ff_scope *scope, const void *bytes, size_t n);

/* records_adm.c: the kinds of 05, and what admission needs to know of a runnable execution. */
struct ff_key ff_admission_record_key(enum ff_record kind, const void *record);
void ff_stand_admission(struct ff_standing *keys, const struct ff_exec *exec, bool claimable);
void ff_stand_admission_record(struct ff_standing *keys, enum ff_record kind, const void *record);

/* records_wait.c: the kinds of 03. */
bool ff_is_wait_record(enum ff_record kind);
struct ff_key ff_wait_record_key(enum ff_record kind, const void *record);
void ff_stand_wait_record(struct ff_standing *keys, enum ff_record kind, const void *record);

/* records_stream.c: the kinds of 06 but for events. */
bool ff_is_stream_record(enum ff_record kind);
struct ff_key ff_stream_record_key(enum ff_record kind, const void *record);
void ff_stand_stream_record(struct ff_standing *keys, enum ff_record kind, const void *record);

/* records_flow.c: the kinds of 04, and an execution as a member. */
bool ff_is_flow_record(enum ff_record kind);
struct ff_key ff_flow_record_key(enum ff_record kind, const void *record);
void ff_stand_member(struct ff_standing *keys, const struct ff_exec *exec);
void ff_stand_flow_record(struct ff_standing *keys, enum ff_record kind, const void *record);

#endif
