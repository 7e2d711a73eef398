#include "top_guard.h"
#include "core/base.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void hz_top_guard_signals(sigset_t *out)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP };

	sigemptyset(out);
	for (size_t i = 0; i < HZ_ARRAY_LEN(numbers); i++)
		sigaddset(out, numbers[i]);
}

/* err crosses by a pipe: the parent's main prints it, when the terminal is a plain one again. */
static void child_run(hz_top_guard_fn *fn, void *ctx, struct hz_err *err, int to_fd, pid_t parent)
{
	int status = 1;

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
		status = fn(ctx, err);
	if (status < 0 && write(to_fd, err, sizeof(*err)) != (ssize_t)sizeof(*err))
		status = 1;
	_exit(status < 0 ? 1 : status);
}

/* Until the child ends. A child that stops itself (^Z) takes us along, or the shell would not notice; what ends us
 * ends the child first. */
static int child_wait(pid_t child)
{
	sigset_t set;
	int number, how = 0;

	hz_top_guard_signals(&set);
	sigaddset(&set, SIGCHLD);
	sigdelset(
		&set,
		SIGWINCH); /* and the terminal has told the child, as of all that is in its foreground */
	for (;;) {
		if (waitpid(child, &how, WNOHANG | WUNTRACED) == child) {
			if (!WIFSTOPPED(how))
				return how;
			raise(SIGSTOP);
			kill(child, SIGCONT);
			continue;
		}
		number = sigwaitinfo(&set, NULL);
		if (number > 0 && number != SIGCHLD)
			kill(child, number);
	}
}

static int result_of(int how, int from_fd, struct hz_err *err)
{
	struct hz_err told;

	if (WIFSIGNALED(how))
		return hz_err_set(err, -EINTR, 1, "killed", "",
		                  "the view was ended by signal %d (%s)", WTERMSIG(how),
		                  strsignal(WTERMSIG(how)));
	if (read(from_fd, &told, sizeof(told)) != (ssize_t)sizeof(told))
		return WEXITSTATUS(how);
	*err = told;
	return -EIO;
}

int hz_top_guard_run(struct hz_top_term *term, hz_top_guard_fn *fn, void *ctx, struct hz_err *err)
{
	sigset_t set, before;
	int pipe_fd[2], how;
	pid_t child, parent = getpid();

	if (pipe2(pipe_fd, O_CLOEXEC) != 0)
		return hz_err_set(err, -errno, 1, "pipe", "", "pipe: %s", strerror(errno));
	hz_top_guard_signals(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &before);
	child = fork();
	if (child == 0)
		child_run(fn, ctx, err, pipe_fd[1], parent);
	close(pipe_fd[1]);
	if (child == -1) {
		close(pipe_fd[0]);
		sigprocmask(SIG_SETMASK, &before, NULL);
		return hz_err_set(err, -errno, 1, "fork", "", "fork: %s", strerror(errno));
	}
	how = child_wait(child);
	if (WIFSIGNALED(how)) { /* it had no time for it */
		term->is_entered = true;
		hz_top_term_leave(term);
	}
	how = result_of(how, pipe_fd[0], err);
	close(pipe_fd[0]);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return how;
}
