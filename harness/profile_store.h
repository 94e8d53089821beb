/** profile_store.h - a profile into the database (tables profile, profile_phase, profile_op; view v_profile). */
#ifndef MB_HARNESS_PROFILE_STORE_H
#define MB_HARNESS_PROFILE_STORE_H

#include "db/store.h"
#include "harness/profile.h"

struct mb_profile_head { int64_t device_id, build_id, calibration_id /* 0: none */; const char *model, *config_json; };

/** mb_profile_store() - one transaction. */
int mb_profile_store(const struct mb_profile *profile, struct mb_db *db, const struct mb_profile_head *head, struct mb_error *err) MB_MUST_CHECK;

#endif
