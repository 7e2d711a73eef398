#include "core/cookie_keys.h"

#include "core/rng.h"

static int key_make(struct hz_cookies *cookies, uint64_t epoch)
{
	struct hz_cookie_key key;
	int err = hz_rng_secret(&key, sizeof(key));

	if (err != 0)
		return err;
	cookies->key[epoch & 1] = key;
	cookies->epoch[epoch & 1] = epoch;
	return 0;
}

int hz_cookie_keys_open(struct hz_cookies *cookies, uint64_t now_ns)
{
	uint64_t epoch = hz_cookie_epoch(now_ns);
	int err = 0;

	if (cookies->token == 0) { /* a new map, or memory of our own */
		struct {
			struct hz_cookie_key flow;
			uint64_t token;
		} fresh;

		err = hz_rng_secret(&fresh, sizeof(fresh));
		if (err != 0)
			return err;
		cookies->flow = fresh.flow;
		cookies->token = fresh.token | 1;
		cookies->epoch[0] = cookies->epoch[1] = UINT64_MAX;
	}
	/* Of a time without a server nothing is under way: a cookie lives two minutes, an epoch an hour. */
	if (cookies->epoch[epoch & 1] != epoch)
		err = key_make(cookies, epoch);
	if (err == 0 && cookies->epoch[~epoch & 1] != epoch - 1 &&
	    cookies->epoch[~epoch & 1] != epoch + 1)
		err = key_make(cookies, epoch - 1);
	cookies->answer_until_ns = 0;
	cookies->mss4 = cookies->mss6 = 0;
	return err;
}

int hz_cookie_keys_turn(struct hz_cookies *cookies, uint64_t now_ns)
{
	uint64_t next = hz_cookie_epoch(now_ns) + 1;

	if (cookies->epoch[next & 1] == next ||
	    hz_cookie_epoch(now_ns - HZ_COOKIE_LIFE_NS) + 1 != next)
		return 0;
	return key_make(cookies, next);
}
