/* scan_flows.h: what is left to scanners of the work that the engine does for flows by itself. */
#ifndef FF_CORE_ENGINE_SCAN_FLOWS_H
#define FF_CORE_ENGINE_SCAN_FLOWS_H

#include "core/engine/scan.h"

/* How long the engine has for that, while its consumer is on (07 §3.7). */
#define FF_SCAN_OWN_WORK_MS 1000

/* Sources of dependency_reconciler. */
enum { FF_SCAN_OWED, FF_SCAN_ROTATION };

/* A bounded part of all blocked members: their edges whose upstream has ended are items of
 * resolve_dependency. FF_E_INVALID_INPUT cursor. */
FF_MUST_USE ff_err ff_scan_rotation(struct ff_scan *scan);

#endif
