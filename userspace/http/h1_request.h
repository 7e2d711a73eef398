/* One request from its head to its answer. Private to http. */
#ifndef HZ_H1_REQUEST_H
#define HZ_H1_REQUEST_H

#include "http/h1_turn.h"

/* Bytes at the beginning of a request, or further bytes of the body of conn->flight; returns how many are
 * spent. */
size_t hz_h1_head_step(struct hz_h1_turn *turn, struct hz_span bytes);
size_t hz_h1_body_step(struct hz_h1_turn *turn, struct hz_h1_flight *flight, struct hz_span bytes);

/* Calls the application's step that a waiting request is in again. */
void hz_h1_step_again(struct hz_h1_turn *turn, struct hz_h1_flight *flight);

/* Goes on with an answer that was blocked or starved. */
void hz_h1_answer_run(struct hz_h1_turn *turn, struct hz_h1_flight *flight);

/* The application, or the transport, resumed a request whose body is still coming. */
void hz_h1_body_resume(struct hz_h1_turn *turn, struct hz_h1_flight *flight);

/* "100 Continue", when it is owed and there is room. */
void hz_h1_continue_push(struct hz_h1_turn *turn, struct hz_h1_flight *flight);

/* Answers with an error of ours and closes: where this request ends is not known, or not worth reading on
 * for. refuse_head: of a head that did not parse. */
void hz_h1_refuse(struct hz_h1_turn *turn, struct hz_h1_flight *flight, uint16_t status);
void hz_h1_refuse_late(struct hz_h1_turn *turn,
                       struct hz_h1_flight *flight); /* 503; the caller counts */
void hz_h1_refuse_head(struct hz_h1_turn *turn, uint16_t status);

#endif
