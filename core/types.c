#include "core/types.h"

/* ---- vocabularies ---- */
#define FF_VOCAB(vocab) static const char *const words_##vocab[] = {
#define FF_WORD(vocab, enumerator, word) #word,
#define FF_VOCAB_END(vocab)                                                                        \
    }                                                                                              \
    ;                                                                                              \
    const struct ff_vocab ff_vocab_##vocab = { #vocab, words_##vocab, FF_COUNT(words_##vocab) };
#include "core/vocab.def"

/* ---- shapes ---- */
#define FF_MEMBER(shape, token, name_, wire_, flags_, max_, def_, help_)                           \
    { .name = (wire_),                                                                             \
      .name_n = sizeof(wire_) - 1,                                                                 \
      FF_SLOT(struct ff_##shape, name_, token, flags_),                                            \
      .max = (max_),                                                                               \
      .def = (def_),                                                                               \
      .help = (help_) },
#define FF_SHAPE(shape, help) static const struct ff_field fields_##shape[] = {
#define FF_HAS(shape, type, name, max, help) FF_MEMBER(shape, type, name, #name, 0, max, NULL, help)
#define FF_MAY(shape, type, name, max, help)                                                       \
    FF_MEMBER(shape, type, name, #name, FF_FIELD_OPT, max, NULL, help)
#define FF_MAY_AS(shape, type, name, wire, max, help)                                              \
    FF_MEMBER(shape, type, name, wire, FF_FIELD_OPT, max, NULL, help)
#define FF_PRT(shape, type, name, max, help)                                                       \
    FF_MEMBER(shape, type, name, #name, FF_FIELD_OPT | FF_FIELD_PART, max, NULL, help)
#define FF_DFL(shape, type, name, max, def, help)                                                  \
    FF_MEMBER(shape, type, name, #name, FF_FIELD_DEF, max, def, help)
#define FF_SHAPE_END(shape)                                                                        \
    }                                                                                              \
    ;                                                                                              \
    const struct ff_desc ff_desc_##shape = { #shape, fields_##shape, FF_COUNT(fields_##shape),     \
                                             sizeof(struct ff_##shape), false };
#include "core/shapes.def"
