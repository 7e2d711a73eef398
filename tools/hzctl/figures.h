/* Numbers as people read them. */
#ifndef HZ_FIGURES_H
#define HZ_FIGURES_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#define HZ_FIGURES_MAX 32
#define HZ_FIGURES_BAR 40 /* columns of the longest bar */

/* "1 421 990" */
void hz_figures_count(uint64_t count, char out[HZ_FIGURES_MAX]);
/* "9999", "12.3k", "641M": six characters at most, cut, not rounded */
void hz_figures_short(uint64_t count, char out[HZ_FIGURES_MAX]);
/* "968 ns", "8.0 us", "641 us", "1.2 s": three digits at most, rounded */
void hz_figures_ns(uint64_t ns, char out[HZ_FIGURES_MAX]);
/* value of JSON: null or absent is "-", which is what no samples look like */
void hz_figures_json_ns(const json_t *value, char out[HZ_FIGURES_MAX]);
/* "1 request", "2 501 requests" */
void hz_figures_many(FILE *to, uint64_t count, const char *one);

/* "12 s", "14 min", "3h 07m", "2d 04h" */
void hz_figures_age(uint64_t seconds, char out[HZ_FIGURES_MAX]);
/* part of most as a bar; at least one column when part is not 0 */
void hz_figures_bar(FILE *to, uint64_t part, uint64_t most);

#endif
