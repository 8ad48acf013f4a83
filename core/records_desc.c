#include "core/records.h"

#define FF_COLUMN(record, tag_, token, name_, flags_, help_)                                       \
    { .name = #name_,                                                                              \
      .name_n = sizeof(#name_) - 1,                                                                \
      FF_SLOT(struct ff_##record, name_, token, flags_),                                           \
      .tag = (tag_),                                                                               \
      .help = (help_) },

#define FF_RECORD(record, upper, help) static const struct ff_field columns_##record[] = {
#define FF_COL(record, tag, type, name, help) FF_COLUMN(record, tag, type, name, 0, help)
#define FF_COLO(record, tag, type, name, help)                                                     \
    FF_COLUMN(record, tag, type, name, FF_FIELD_OPT, help)
#define FF_RECORD_END(record)                                                                      \
    }                                                                                              \
    ;                                                                                              \
    static const struct ff_desc desc_##record = { #record, columns_##record,                       \
                                                  FF_COUNT(columns_##record),                      \
                                                  sizeof(struct ff_##record), false };
#include "core/records.def"

const struct ff_desc *const ff_records[FF_R_N] = {
#define FF_RECORD(record, upper, help) [FF_R_##upper] = &desc_##record,
#define FF_COL(record, tag, type, name, help)
#define FF_COLO(record, tag, type, name, help)
#define FF_RECORD_END(record)
#include "core/records.def"
};
