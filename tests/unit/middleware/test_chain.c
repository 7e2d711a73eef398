/* The chain itself, with links of the test's own; and the two smallest of middleware. */
#include "core/span_ops.h"
#include "mw_rig.h"
#include <errno.h>
#include <stdlib.h>

/* Writes what is called, in order, as letters: before a b c, after A B C, finish 0 1 2. */
struct note {
	unsigned at;
	char text[32];
};

struct link {
	struct note *note;
	unsigned index;
	enum hz_mw_verdict verdict; /* of before */
	bool is_freed;
};

static void note_add(const struct link *link, char base)
{
	link->note->text[link->note->at++] = (char)(base + (char)link->index);
}

static enum hz_mw_verdict link_before(const void *conf, struct hz_mw_call *call)
{
	const struct link *link = conf;

	(void)call;
	note_add(link, 'a');
	return link->verdict;
}

static void link_after(const void *conf, struct hz_mw_call *call)
{
	(void)call;
	note_add(conf, 'A');
}

static void link_finish(const void *conf, const struct hz_mw_call *call,
                        const struct hz_http_outcome *outcome)
{
	(void)call;
	CU_ASSERT_EQUAL(outcome->status, 200);
	note_add(conf, '0');
}

static void link_free(void *conf)
{
	((struct link *)conf)->is_freed = true;
}

static const struct hz_mw_ops link_ops = { "test",      link_before, link_after,
	                                   link_finish, NULL,        link_free };

struct world {
	struct mw_rig *rig;
	struct note note;
	struct link link[3];
};

static void world_open(struct world *world)
{
	*world = (struct world){ .rig = mw_rig_open() };
	for (unsigned i = 0; i < 3; i++) {
		world->link[i] = (struct link){ .note = &world->note, .index = i };
		hz_chain_add(&world->rig->chain, (struct hz_mw){ &link_ops, &world->link[i] });
	}
	mw_rig_ask(world->rig, HZ_HTTP_GET, "");
}

static void chain_goes_forward_then_backwards_twice(void)
{
	struct world world;

	world_open(&world);
	CU_ASSERT_EQUAL(mw_rig_before(world.rig), HZ_MW_NEXT);
	mw_rig_answer(world.rig, 200);
	mw_rig_finish(world.rig);
	CU_ASSERT_STRING_EQUAL(world.note.text, "abcCBA210");
	mw_rig_close(world.rig);
}

static void chain_stopped_returns_through_those_it_had_reached(void)
{
	struct world world;

	world_open(&world);
	world.link[1].verdict = HZ_MW_STOP;
	world.rig->flight.resp.status = 200;
	CU_ASSERT_EQUAL(mw_rig_before(world.rig), HZ_MW_STOP);
	mw_rig_finish(world.rig);
	CU_ASSERT_STRING_EQUAL(world.note.text, "abBA10");
	mw_rig_close(world.rig);
}

static void chain_that_waits_asks_the_same_link_again(void)
{
	struct world world;

	world_open(&world);
	world.link[1].verdict = HZ_MW_WAIT;
	CU_ASSERT_EQUAL(mw_rig_before(world.rig), HZ_MW_WAIT);
	CU_ASSERT_EQUAL(mw_rig_before(world.rig), HZ_MW_WAIT);
	world.link[1].verdict = HZ_MW_NEXT;
	CU_ASSERT_EQUAL(mw_rig_before(world.rig), HZ_MW_NEXT);
	mw_rig_answer(world.rig, 200);
	CU_ASSERT_STRING_EQUAL(world.note.text, "abbbcCBA");
	mw_rig_close(world.rig);
}

static void chain_of_a_request_that_ended_while_waiting_finishes_what_it_reached(void)
{
	struct world world;

	world_open(&world);
	world.link[1].verdict = HZ_MW_WAIT;
	CU_ASSERT_EQUAL(mw_rig_before(world.rig), HZ_MW_WAIT);
	world.rig->flight.resp.status = 200;
	mw_rig_finish(world.rig);
	CU_ASSERT_STRING_EQUAL(world.note.text, "ab10");
	mw_rig_close(world.rig);
}

/* Every set of functions at every place: what is there is called, and nothing else. */
static void chain_calls_of_each_link_what_it_has(void)
{
	static const struct {
		struct hz_mw_ops ops;
		const char *text[3]; /* by place */
	} rows[] = {
		{ { .name = "silent" }, { "bcCB21", "acCA20", "abBA10" } },
		{ { .before = link_before }, { "abcCB21", "abcCA20", "abcBA10" } },
		{ { .after = link_after }, { "bcCBA21", "acCBA20", "abCBA10" } },
		{ { .finish = link_finish }, { "bcCB210", "acCA210", "abBA210" } },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		for (unsigned place = 0; place < 3; place++) {
			struct world world;

			world_open(&world);
			world.rig->chain = (struct hz_chain){ 0 };
			for (unsigned k = 0; k < 3; k++)
				hz_chain_add(&world.rig->chain,
				             (struct hz_mw){ k == place ? &rows[i].ops : &link_ops,
				                             &world.link[k] });
			CU_ASSERT_EQUAL(mw_rig_before(world.rig), HZ_MW_NEXT);
			mw_rig_answer(world.rig, 200);
			mw_rig_finish(world.rig);
			CU_ASSERT_STRING_EQUAL(world.note.text, rows[i].text[place]);
			world.rig->chain = (struct hz_chain){ 0 };
			mw_rig_close(world.rig);
		}
	}
}

/* A link without `before` in front of the one that stops was passed; one behind it was not. */
static void chain_stopped_finishes_what_it_passed_without_asking(void)
{
	static const struct hz_mw_ops finish_ops = { .finish = link_finish };
	struct world world;

	world_open(&world);
	world.rig->chain = (struct hz_chain){ 0 };
	for (unsigned i = 0; i < 3; i++)
		hz_chain_add(&world.rig->chain,
		             (struct hz_mw){ i == 1 ? &link_ops : &finish_ops, &world.link[i] });
	world.link[1].verdict = HZ_MW_STOP;
	world.rig->flight.resp.status = 200;
	CU_ASSERT_EQUAL(mw_rig_before(world.rig), HZ_MW_STOP);
	mw_rig_finish(world.rig);
	CU_ASSERT_STRING_EQUAL(world.note.text, "bB10");
	world.rig->chain = (struct hz_chain){ 0 };
	mw_rig_close(world.rig);
}

static void chain_without_room_in_the_arena_is_not_entered(void)
{
	struct world world;
	struct hz_http_req *req;

	world_open(&world);
	req = &world.rig->flight.req;
	req->arena->size = sizeof(struct hz_mw_call) - 1;
	CU_ASSERT_EQUAL(
		hz_chain_enter(&world.rig->chain, &world.rig->worker, req, &world.rig->flight.resp),
		-ENOMEM);
	CU_ASSERT_PTR_NULL(req->app);
	mw_rig_close(world.rig);
}

static void chain_freed_frees_each_link_once(void)
{
	struct world world;

	world_open(&world);
	hz_chain_free(&world.rig->chain);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_TRUE(world.link[i].is_freed);
	CU_ASSERT_EQUAL(world.rig->chain.count, 0);
	mw_rig_close(world.rig);
}

static void chain_has_the_links_of_its_set_in_the_order_of_the_table(void)
{
	const struct hz_mw_field field = { HZ_SPAN_LITERAL("A"), HZ_SPAN_LITERAL("b") };
	const struct hz_mw_headers_conf headers = { 1, &field };
	const struct hz_mw_timeout_conf timeout = { HZ_NS_PER_S };
	const struct hz_mw_trace_conf trace = { true };
	const struct hz_mw_set set = { .headers = &headers, .timeout = &timeout, .trace = &trace };
	const char *which = "";
	struct hz_chain chain;

	CU_ASSERT_EQUAL_FATAL(hz_chain_build(&set, &chain, &which), 0);
	CU_ASSERT_EQUAL_FATAL(chain.count, 3);
	CU_ASSERT_STRING_EQUAL(chain.link[0].ops->name, "trace");
	CU_ASSERT_STRING_EQUAL(chain.link[1].ops->name, "headers");
	CU_ASSERT_STRING_EQUAL(chain.link[2].ops->name, "timeout");
	CU_ASSERT_EQUAL(chain.kinds, 1u << HZ_MW_trace | 1u << HZ_MW_headers | 1u << HZ_MW_timeout);
	hz_chain_free(&chain);
}

static void chain_whose_link_cannot_be_built_says_which(void)
{
	const struct hz_mw_trace_conf trace = { true };
	const struct hz_mw_rate_conf rate = { .per_hour = 0 };
	const struct hz_mw_set set = { .trace = &trace, .rate = &rate };
	const char *which = "";
	struct hz_chain chain;

	CU_ASSERT_EQUAL(hz_chain_build(&set, &chain, &which), -EINVAL);
	CU_ASSERT_STRING_EQUAL(which, "rate");
	CU_ASSERT_EQUAL(chain.count, 0);
	CU_ASSERT_EQUAL(chain.kinds, 0);
}

static void headers_are_on_every_answer(void)
{
	const struct hz_mw_field field[] = {
		{ HZ_SPAN_LITERAL("X-Frame-Options"), HZ_SPAN_LITERAL("DENY") },
		{ HZ_SPAN_LITERAL("X-Empty"), { NULL, 0 } },
		{ HZ_SPAN_LITERAL("Server"), HZ_SPAN_LITERAL("s") },
	};
	const struct hz_mw_headers_conf headers = { 3, field };
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .headers = &headers });

	CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), 200);
	CU_ASSERT_TRUE(hz_span_equals(
		rig->flight.resp.field[0],
		HZ_SPAN_LITERAL("X-Frame-Options: DENY\r\nX-Empty: \r\nServer: s\r\n")));
	CU_ASSERT_EQUAL(rig->flight.resp.field_count, 1);
	mw_rig_close(rig);
}

static void timeout_only_lowers_the_deadline(void)
{
	const struct hz_mw_timeout_conf timeout = { 50 * HZ_NS_PER_MS };
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .timeout = &timeout });

	mw_rig_ask(rig, HZ_HTTP_GET, "");
	CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_NEXT);
	CU_ASSERT_EQUAL(rig->flight.req.answer_by_ns, rig->env.now_ns + 50 * HZ_NS_PER_MS);
	mw_rig_ask(rig, HZ_HTTP_GET, "");
	rig->flight.req.answer_by_ns = rig->env.now_ns + 1;
	CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_NEXT);
	CU_ASSERT_EQUAL(rig->flight.req.answer_by_ns, rig->env.now_ns + 1);
	mw_rig_close(rig);
}

HZ_SUITE(chain, CASE(chain_goes_forward_then_backwards_twice),
         CASE(chain_stopped_returns_through_those_it_had_reached),
         CASE(chain_that_waits_asks_the_same_link_again),
         CASE(chain_of_a_request_that_ended_while_waiting_finishes_what_it_reached),
         CASE(chain_calls_of_each_link_what_it_has),
         CASE(chain_stopped_finishes_what_it_passed_without_asking),
         CASE(chain_without_room_in_the_arena_is_not_entered),
         CASE(chain_freed_frees_each_link_once),
         CASE(chain_has_the_links_of_its_set_in_the_order_of_the_table),
         CASE(chain_whose_link_cannot_be_built_says_which), CASE(headers_are_on_every_answer),
         CASE(timeout_only_lowers_the_deadline));
