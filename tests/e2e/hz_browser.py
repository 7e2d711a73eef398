"""A headless Chromium in a namespace: a page as a person's browser loads it."""
import shutil

from hz_e2e import ROOT, Process, Skip, run, temporary_directory


def program():
    """Where Chromium is; installed when it is not there, a skip when that fails."""
    if shutil.which("chromium") is None:
        done = run(ROOT + "/tools/dev/setup.sh", "browser", check=False, timeout=400)
        if done.returncode != 0 or shutil.which("chromium") is None:
            raise Skip("no chromium: " + (done.stderr or done.stdout).strip())
    return shutil.which("chromium")


def words(*more):
    return [program(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--user-data-dir=" + temporary_directory(), *more]


def opened(netns, url):
    """The page stays open in a process of its own until that is ended."""
    return Process(*words("--remote-debugging-port=0", url), netns=netns, start_new_session=True)


def loaded(netns, url):
    """The document after its scripts and style sheets, as text."""
    return run(*words("--virtual-time-budget=5000", "--dump-dom", url), netns=netns).stdout
