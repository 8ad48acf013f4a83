/* submit.h: flows that are submitted in steps (04 §2.9): what is left to do when the call is gone.
 *
 * A graph of more than submit_once_max members and edges is written a part at a time. Its flow is
 * there from the first step on, but no operation sees it (ff_txn_find); its members exist, blocked,
 * and `staged`: nothing of them goes on. The step that writes the last part shows the flow: from
 * there on all of it is submitted. What is left then is to let go those members that wait for
 * nobody, and to have the ends of others cascade, again in steps.
 *
 * Each step finds out from the flow's record how far the last one has come. So the same call goes
 * on with it whoever makes it, at the same time or after a crash.
 */
#ifndef FF_CORE_ENGINE_SUBMIT_H
#define FF_CORE_ENGINE_SUBMIT_H

#include "core/engine/flow.h"

/* A submission that nobody has gone on with for so long is taken back. */
#define FF_SUBMIT_KEPT_MS 600000
/* So long the call has to let its members go; then the engine does it. */
#define FF_RELEASE_MS 1000

/* Lets some members of a flow go, a step of a walk; *done: that was the last one, and the flow says
 * so. FF_E_PENDING. */
FF_MUST_USE ff_err ff_submit_release(struct ff_txn *txn, struct ff_flow *flow, bool *done);
/* The next step of what calls that are gone have left: members to be let go, submissions to be
 * taken back, which purge.h goes on with. *any: there was something. FF_E_PENDING. */
FF_MUST_USE ff_err ff_submit_rest(struct ff_txn *txn, bool *any);

#endif
