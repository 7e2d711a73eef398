/* Files that are not in memory: read piece by piece by helper threads (core/jobs.h), into buffers of which a worker
 * has a fixed number, as the client takes what was read. A request holds one buffer at most. One that finds none
 * waits its turn; buffers of clients that do not read are taken away first, for what was read can be read again. */
#ifndef HZ_FILES_READ_H
#define HZ_FILES_READ_H

#include "core/jobs.h"
#include "handlers/files_bytes.h"
#include "http/range.h"

struct hz_files_pool; /* owned by the server; outlives every snapshot */

/* Address space for all workers' buffers; memory only for those that are used. 0 or -ENOMEM. */
int hz_files_pool_open(uint32_t worker_count, struct hz_jobs *jobs, struct hz_files_pool **out);
void hz_files_pool_close(struct hz_files_pool *pool); /* after hz_jobs_close; accepts NULL */

/* On worker's thread, once per turn: who waits gets what came free. How many did. */
unsigned hz_files_pool_turn(struct hz_files_pool *pool, uint32_t worker);

/* When that is wanted at the latest, without a helper's word: at the end of the time for which the first of the
 * buffers is kept for its client; UINT64_MAX: nobody waits. */
uint64_t hz_files_pool_turn_due_ns(const struct hz_files_pool *pool, uint32_t worker);

/* What of a file is sent: its bytes from first on; or a body of parts. All in the snapshot or the request's arena. */
struct hz_files_plan {
	const struct hz_files_bytes *bytes; /* not in memory */
	uint64_t first, count;
	const struct hz_range_multipart
		*parts; /* instead of first; count is its length. NULL: none */
};

/* Makes resp a body that is read as it is sent. When the file is not what it was at load (size or time), the
 * connection is reset: content is never mixed. 0; -ENOMEM without room in the arena. */
int hz_files_read(struct hz_files_pool *pool, struct hz_http_req *req,
                  const struct hz_files_plan *plan, struct hz_http_resp *resp);

#endif
