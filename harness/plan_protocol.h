/** plan_protocol.h - the protocol of a plan as JSON. Internal to plan*.c. */
#ifndef MB_HARNESS_PLAN_PROTOCOL_H
#define MB_HARNESS_PLAN_PROTOCOL_H

#include <jansson.h>

#include "harness/plan.h"

/** mb_protocol_json() - what goes into the plan's canonical text, and so into its hash: a setting that is at its default is left out, so
 *  that a new one changes no hash of plans that do not name it. New reference, NULL without memory. */
json_t *mb_protocol_json(const struct mb_protocol *p);

#endif
