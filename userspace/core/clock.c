#include "core/clock.h"
#include "core/base.h"
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define CALIBRATE_NS    (10 * HZ_NS_PER_MS)
#define RATE_PERIOD_NS  (10 * HZ_NS_PER_MS) /* shorter intervals measure the noise of the reading */
#define STEP_NS         (10 * HZ_NS_PER_MS) /* further off than this is a jump, not drift */
#define RATE_TOLERANCE  1000u               /* 1 part in 1000: more than NTP ever slews */
#define SAMPLE_ATTEMPTS 8

uint64_t hz_clock_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

#if defined(__x86_64__)

struct sample {
	uint64_t tsc;
	uint64_t ns;
};

/* The reading that was interrupted least: the narrowest of a few, its middle taken as the instant. */
static struct sample sample_take(void)
{
	struct sample best = { 0, 0 };
	uint64_t narrowest = UINT64_MAX;

	for (unsigned i = 0; i < SAMPLE_ATTEMPTS; i++) {
		uint64_t before = __builtin_ia32_rdtsc();
		uint64_t ns = hz_clock_monotonic_ns();
		uint64_t width = __builtin_ia32_rdtsc() - before;

		if (width < narrowest) {
			narrowest = width;
			best = (struct sample){ before + width / 2, ns };
		}
	}
	return best;
}

static uint64_t mult_of(uint64_t ns, uint64_t ticks)
{
	return ticks == 0 ? 0 : (uint64_t)(((unsigned __int128)ns << HZ_CLOCK_SHIFT) / ticks);
}

static bool is_near(uint64_t a, uint64_t b)
{
	uint64_t apart = a > b ? a - b : b - a;

	return apart <= HZ_MAX(a, b) / RATE_TOLERANCE;
}

/* The processor says that the counter runs at one rate in every power state, and the kernel has not
 * found otherwise (it falls back to hpet or acpi_pm when it has). */
static bool is_tsc_trusted(void)
{
	unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
	char source[32] = "";
	ssize_t got;
	int fd;

	if (__get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) == 0 || (edx & (1u << 8)) == 0)
		return false;
	fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
	          O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return true;
	got = read(fd, source, sizeof(source) - 1);
	close(fd);
	return got <= 0 || (strncmp(source, "hpet", 4) != 0 && strncmp(source, "acpi_pm", 7) != 0);
}

static void pause_ns(uint64_t ns)
{
	const struct timespec pause = { .tv_sec = 0, .tv_nsec = (long)ns };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

int hz_clock_open(struct hz_clock *clock)
{
	struct sample at[3];
	uint64_t first, second, whole;

	*clock = (struct hz_clock){ 0 };
	if (!is_tsc_trusted())
		return 0;
	at[0] = sample_take();
	pause_ns(CALIBRATE_NS);
	at[1] = sample_take();
	pause_ns(CALIBRATE_NS);
	at[2] = sample_take();

	/* Two halves that disagree: a counter that is not what it says, or a migrated machine. */
	first = mult_of(at[1].ns - at[0].ns, at[1].tsc - at[0].tsc);
	second = mult_of(at[2].ns - at[1].ns, at[2].tsc - at[1].tsc);
	whole = mult_of(at[2].ns - at[0].ns, at[2].tsc - at[0].tsc);
	if (first == 0 || second == 0 || !is_near(first, second))
		return 0;
	*clock = (struct hz_clock){
		.tsc_base = at[2].tsc,
		.ns_base = at[2].ns,
		.mult = whole,
		.anchor_ns = at[2].ns,
	};
	return 0;
}

void hz_clock_anchor(struct hz_clock *clock)
{
	struct sample now;
	uint64_t ticks, real_ns, rate, shown_ns, ahead_ns;

	if (clock->mult == 0)
		return;
	now = sample_take();
	ticks = now.tsc - clock->tsc_base;
	real_ns = now.ns - clock->anchor_ns;
	shown_ns = clock->ns_base +
	           (uint64_t)(((unsigned __int128)ticks * clock->mult) >> HZ_CLOCK_SHIFT);
	rate = real_ns < RATE_PERIOD_NS ? clock->mult : mult_of(real_ns, ticks);
	ahead_ns = shown_ns > now.ns ? shown_ns - now.ns : 0;

	/* After a suspend or a migration the counter may have jumped: start again from the real time. */
	if (!is_near(rate, clock->mult) || ahead_ns > STEP_NS) {
		rate = clock->mult;
		ahead_ns = 0;
	}
	/* Never backwards: what we are ahead is worked off by running slower for about a second. */
	clock->tsc_base = now.tsc;
	clock->anchor_ns = now.ns;
	clock->ns_base = now.ns + ahead_ns;
	clock->mult = rate - (uint64_t)(((unsigned __int128)rate * ahead_ns) / HZ_NS_PER_S);
}

#else

int hz_clock_open(struct hz_clock *clock)
{
	*clock = (struct hz_clock){ 0 };
	return 0;
}

void hz_clock_anchor(struct hz_clock *clock)
{
	(void)clock;
}

#endif
