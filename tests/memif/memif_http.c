/* hzd on boot/io=memif, started as a user would, and a peer process that speaks to it through net_memif:
 * HTTP is served, ARP and ping are answered, peers come and go, and nothing is left at the end. */
#include "memif_peer.h"
#include <errno.h>
#include <fcntl.h>
#include <rte_eal.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PEERS 12u /* come and go, one after the other */

struct rig {
	char dir[64], socket_path[96], out_path[96];
	pid_t hzd;
	unsigned serial;
};

static bool eal_start(void)
{
	char args[][40] = { "memif_http",
		            "--no-huge",
		            "--no-shconf",
		            "-m",
		            "128",
		            "--no-pci",
		            "--no-telemetry",
		            "--log-level=1",
		            "--iova-mode=va",
		            "--file-prefix=hz-memif-peer" };
	char *argv[sizeof(args) / sizeof(args[0]) + 1] = { NULL };

	for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		argv[i] = args[i];
	return rte_eal_init((int)(sizeof(args) / sizeof(args[0])), argv) >= 0;
}

/* argv after the program's name. */
static pid_t hzd_spawn(struct rig *rig, char *const more[])
{
	extern char **environ;
	char program[256], *argv[32] = { program, NULL };
	const char *out = getenv("O");
	posix_spawn_file_actions_t to_file;
	pid_t pid = -1;

	snprintf(program, sizeof(program), "%s/bin/hzd", out != NULL ? out : "build");
	for (size_t i = 0; more[i] != NULL && i + 2 < sizeof(argv) / sizeof(argv[0]); i++)
		argv[i + 1] = more[i];
	posix_spawn_file_actions_init(&to_file);
	posix_spawn_file_actions_addopen(&to_file, 1, rig->out_path, O_WRONLY | O_CREAT | O_TRUNC,
	                                 0600);
	posix_spawn_file_actions_adddup2(&to_file, 1, 2);
	if (posix_spawn(&pid, program, &to_file, NULL, argv, environ) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&to_file);
	return pid;
}

static bool output_has(const struct rig *rig, const char *text)
{
	char buffer[8192];
	ssize_t got;
	int fd = open(rig->out_path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return false;
	got = read(fd, buffer, sizeof(buffer) - 1);
	close(fd);
	buffer[got > 0 ? got : 0] = '\0';
	return strstr(buffer, text) != NULL;
}

static bool is_running(const struct rig *rig)
{
	return rig->hzd > 0 && waitpid(rig->hzd, NULL, WNOHANG) == 0;
}

static const char *hzd_start(struct rig *rig)
{
	char device[192], site[] = "configs/site/bench.yaml";
	char *const argv[] = { (char[]){ "-i" },
		               (char[]){ "memif-test" },
		               (char[]){ "-c" },
		               site,
		               (char[]){ "-o" },
		               (char[]){ "boot/io=memif" },
		               (char[]){ "-o" },
		               device,
		               (char[]){ "-o" },
		               (char[]){ "boot/hugepages=off" },
		               (char[]){ "-o" },
		               (char[]){ "boot/mbufs=4096" },
		               (char[]){ "-o" },
		               (char[]){ "boot/ring_slots=1024" },
		               (char[]){ "-l" },
		               (char[]){ "mem0,10.7.0.2:80" },
		               NULL };

	snprintf(device, sizeof(device), "boot/device=mem0,socket=%s,ip=10.7.0.2/24",
	         rig->socket_path);
	rig->hzd = hzd_spawn(rig, argv);
	for (unsigned i = 0; i < 200 && is_running(rig); i++) {
		if (output_has(rig, "ready\n"))
			return NULL;
		usleep(50000);
	}
	return "hzd is not ready";
}

/* Its exit status after SIGTERM, or -1. */
static int hzd_stop(struct rig *rig)
{
	int status = -1;

	kill(rig->hzd, SIGTERM);
	for (unsigned i = 0; i < 400; i++) {
		if (waitpid(rig->hzd, &status, WNOHANG) == rig->hzd) {
			rig->hzd = 0;
			if (status != 0)
				fprintf(stderr, "# hzd: wait status 0x%x\n", (unsigned)status);
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		}
		usleep(25000);
	}
	return -1;
}

static const char *http_is_served(struct rig *rig)
{
	static struct peer peer;
	const char *why = peer_open(&peer, rig->socket_path, rig->serial++);

	if (why == NULL)
		why = peer_arp(&peer);
	for (size_t bytes = 0; bytes <= 1472 && why == NULL; bytes += 92)
		why = peer_ping(&peer, bytes);
	for (unsigned i = 0; i < 20 && why == NULL; i++)
		why = peer_get(&peer, "/", "Hello, World!");
	if (why == NULL)
		why = peer_get_bytes(&peer, 300000);
	if (why == NULL)
		why = peer_get_bytes_through(&peer, 60000, 1000);
	peer_close(&peer);
	return why;
}

/* A peer that leaves in the middle of traffic must not take hzd with it: the driver unmaps the rings. */
static const char *peers_come_and_go(struct rig *rig)
{
	static struct peer peer;
	const char *why = NULL;

	for (unsigned i = 0; i < PEERS && why == NULL; i++) {
		uint8_t frame[1514] = { 0 };

		why = peer_open(&peer, rig->socket_path, rig->serial++);
		if (why == NULL)
			why = peer_arp(&peer);
		if (why == NULL)
			why = peer_get(&peer, "/json", "{\"message\":\"ok\"}");
		for (unsigned k = 0; k < 300 && why == NULL; k++)
			(void)peer_send(&peer, frame, sizeof(frame));
		peer_close(&peer);
		if (!is_running(rig))
			return "hzd ended with its peer";
	}
	return why;
}

static const char *stop_leaves_nothing(struct rig *rig)
{
	struct stat st;

	if (hzd_stop(rig) != 0)
		return "exit code after SIGTERM";
	return lstat(rig->socket_path, &st) == 0 ? "the socket file is left" : NULL;
}

static const char *killed_hzd_leaves_a_socket_that_the_next_takes(struct rig *rig)
{
	const char *why = hzd_start(rig);
	struct stat st;

	if (why != NULL)
		return why;
	kill(rig->hzd, SIGKILL);
	waitpid(rig->hzd, NULL, 0);
	if (lstat(rig->socket_path, &st) != 0)
		return "the case is void: no socket file was left";
	why = hzd_start(rig);
	return why != NULL ? why : http_is_served(rig);
}

static const char *run_refused(struct rig *rig, char *const argv[], int code, const char *text)
{
	struct rig other = *rig;
	int status = -1;

	snprintf(other.out_path, sizeof(other.out_path), "%s/other", rig->dir);
	other.hzd = hzd_spawn(&other, argv);
	if (other.hzd < 0 || waitpid(other.hzd, &status, 0) != other.hzd)
		return "not spawned";
	if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
		return "another exit code";
	return output_has(&other, text) ? NULL : "does not say what to type";
}

static const char *socket_in_use_is_exit_3(struct rig *rig)
{
	char device[192];
	char *const argv[] = { (char[]){ "-i" },
		               (char[]){ "memif-second" },
		               (char[]){ "-c" },
		               (char[]){ "configs/site/bench.yaml" },
		               (char[]){ "-o" },
		               (char[]){ "boot/io=memif" },
		               (char[]){ "-o" },
		               device,
		               (char[]){ "-o" },
		               (char[]){ "boot/hugepages=off" },
		               (char[]){ "-l" },
		               (char[]){ "mem0,10.7.0.2:80" },
		               NULL };

	snprintf(device, sizeof(device), "boot/device=mem0,socket=%s,ip=10.7.0.2/24",
	         rig->socket_path);
	return run_refused(rig, argv, 3, "another process serves memif");
}

static const char *absent_device_is_exit_4_and_says_what_to_type(struct rig *rig)
{
	char *const nameless[] = { (char[]){ "-c" },
		                   (char[]){ "configs/site/bench.yaml" },
		                   (char[]){ "-i" },
		                   (char[]){ "memif-second" },
		                   (char[]){ "-o" },
		                   (char[]){ "boot/io=memif" },
		                   (char[]){ "-l" },
		                   (char[]){ "mem7,10.7.0.2:80" },
		                   NULL };
	char *const unknown[] = { (char[]){ "-c" },
		                  (char[]){ "configs/site/bench.yaml" },
		                  (char[]){ "-i" },
		                  (char[]){ "memif-second" },
		                  (char[]){ "-o" },
		                  (char[]){ "boot/io=eal" },
		                  (char[]){ "-o" },
		                  (char[]){ "boot/hugepages=off" },
		                  (char[]){ "-o" },
		                  (char[]){ "boot/device=net_nosuch0,ip=10.7.0.2/24" },
		                  (char[]){ "-l" },
		                  (char[]){ "net_nosuch0,10.7.0.2:80" },
		                  NULL };
	const char *why = run_refused(rig, nameless, 4, "boot/device=mem7,socket=");

	return why != NULL ? why : run_refused(rig, unknown, 4, "net_nosuch0");
}

static const struct {
	const char *name;
	const char *(*run)(struct rig *rig);
} cases[] = {
	{ "http_is_served", http_is_served },
	{ "peers_come_and_go_hzd_stays", peers_come_and_go },
	{ "http_is_served_after_them", http_is_served },
	{ "socket_in_use_is_exit_3", socket_in_use_is_exit_3 },
	{ "absent_device_is_exit_4_and_says_what_to_type",
	  absent_device_is_exit_4_and_says_what_to_type },
	{ "stop_leaves_nothing", stop_leaves_nothing },
	{ "killed_hzd_leaves_a_socket_that_the_next_takes",
	  killed_hzd_leaves_a_socket_that_the_next_takes },
	{ "last_stop_leaves_nothing", stop_leaves_nothing },
};

static int cases_run(struct rig *rig)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why = cases[i].run(rig);

		if (why == NULL)
			printf("ok memif.%s\n", cases[i].name);
		else
			printf("not ok memif.%s: %s\n", cases[i].name, why);
		fflush(stdout);
		failed += why != NULL;
	}
	return failed;
}

int main(void)
{
	struct rig rig = { .dir = "/tmp/hz-memif-XXXXXX" };
	const char *why;
	int failed = 1;

	if (mkdtemp(rig.dir) == NULL || setenv("XDG_RUNTIME_DIR", rig.dir, 1) != 0)
		return 70;
	snprintf(rig.socket_path, sizeof(rig.socket_path), "%s/mem0.sock", rig.dir);
	snprintf(rig.out_path, sizeof(rig.out_path), "%s/hzd", rig.dir);
	why = hzd_start(&rig); /* first: EAL pins the thread that starts it, and what that starts */
	if (why != NULL)
		printf("not ok memif.hzd_starts: %s\n", why);
	else if (!eal_start())
		printf("not ok memif.peer_starts: EAL did not start\n");
	else
		failed = cases_run(&rig);
	if (rig.hzd > 0) {
		kill(rig.hzd, SIGKILL);
		waitpid(rig.hzd, NULL, 0);
	}
	if (getenv("HZ_KEEP") == NULL) {
		char command[160];

		snprintf(command, sizeof(command), "%s/other", rig.dir);
		unlink(command);
		unlink(rig.out_path);
		unlink(rig.socket_path);
		rmdir(rig.dir);
	}
	return failed != 0;
}
