"""A headless Chromium that is steered: the DevTools protocol over a pipe, so no port is opened for it."""
import base64
import fcntl
import json
import os
import select
import time

from hz_browser import program
from hz_e2e import STACK, Process, temporary_directory, wait_until

ANSWER_TIMEOUT_S = 30
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
         "--disable-default-apps", "--disable-features=OptimizationHints,MediaRouter,DialMediaRouteProvider",
         "--hide-scrollbars", "--remote-debugging-pipe",
         # What Chromium wants for itself; other names and all addresses still leave, and are seen to.
         "--host-resolver-rules=" + ",".join(f"MAP {name} ~NOTFOUND" for name in (
             "*.google.com", "*.googleapis.com", "*.gvt1.com", "*.gstatic.com")))


class Browser:
    """Ends with the tests at the latest. Messages are JSON, each ended by a zero byte."""

    def __init__(self, netns=None, **environment):
        theirs_in, self.to = os.pipe()
        self.of, theirs_out = os.pipe()
        # High numbers first: 3 and 4, which Chromium uses, may be among the four.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (theirs_in, theirs_out)]
        words = [program(), *FLAGS, "--user-data-dir=" + temporary_directory(), "about:blank"]
        self.process = Process("bash", "-c", f'exec "$@" 3<&{high[0]} 4>&{high[1]}', "chromium", *words, netns=netns,
                               pass_fds=high, env={**os.environ, "TZ": "UTC", **environment}, start_new_session=True)
        for fd in (theirs_in, theirs_out, *high):
            os.close(fd)
        STACK.callback(self.close)
        self.rest, self.sent, self.answers, self.events = b"", 0, {}, []

    def close(self):
        if self.to is None:
            return
        try:
            self.call("Browser.close")
            wait_until(lambda: not self.process.is_running(), 10, "Chromium does not end")
        except (AssertionError, OSError):
            pass  # it is killed below
        self.process.end()
        os.close(self.to)
        os.close(self.of)
        self.to = None

    def receive(self, timeout):
        """Sorts what came into answers and events; at most timeout seconds."""
        if not select.select([self.of], [], [], timeout)[0]:
            return
        chunk = os.read(self.of, 1 << 20)
        if not chunk:
            raise AssertionError("Chromium closed its pipe: " + self.process.output()[-300:])
        *messages, self.rest = (self.rest + chunk).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            else:
                self.events.append(message)

    def call(self, method, session=None, **params):
        self.sent += 1
        message = {"id": self.sent, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        number, left = self.sent, json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self.to, left):]
        until = time.monotonic() + ANSWER_TIMEOUT_S
        while number not in self.answers:
            if time.monotonic() > until:
                raise AssertionError(f"{method}: no answer after {ANSWER_TIMEOUT_S} s")
            self.receive(0.2)
        answer = self.answers.pop(number)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]


class Tab:
    """A page in a context of its own: no storage or cache is shared. What it asked for and what it said on its
    console are kept."""

    def __init__(self, browser, url, width=1280, height=900, dark=False, scale=1):
        self.browser = browser
        self.context = browser.call("Target.createBrowserContext")["browserContextId"]
        self.target = browser.call("Target.createTarget", url="about:blank", browserContextId=self.context)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.size(width, height, scale)
        self.media(dark)
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.protocol !== 'about:'", "the page loads")

    def close(self):
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def size(self, width, height, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                  mobile=False)

    def media(self, dark, **features):
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            *({"name": name.replace("_", "-"), "value": value} for name, value in features.items())])

    def js(self, expression):
        """Its value; a promise is waited for."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise AssertionError(f"{expression:.80}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def text(self, selector):
        return self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? null")

    def wait(self, condition, why, timeout=15):
        wait_until(lambda: self.js(f"Boolean({condition})"), timeout, why, every=0.05)

    def key(self, key, shift=False):
        """One key as a person presses it."""
        code = key if len(key) > 1 else ""
        numbers = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35, "Tab": 9,
                   "Enter": 13, "Escape": 27}
        more = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
        about = {"key": key, "code": code, "modifiers": 8 if shift else 0,
                 "windowsVirtualKeyCode": numbers.get(key, ord(key.upper()[0]))}
        self.call("Input.dispatchKeyEvent", type="keyDown" if more else "rawKeyDown", **about, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def move(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, selector):
        """Where it stands still: what was clicked before may still push it down."""
        box = self.js(f"(async () => {{ const e = document.querySelector({json.dumps(selector)});"
                      " for (let before = null, y = 0; y !== before;) {"
                      " await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));"
                      " e.scrollIntoView({block: 'center'}); before = y; y = e.getBoundingClientRect().y; }"
                      " const r = e.getBoundingClientRect();"
                      " return [r.x + r.width / 2, r.y + r.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def _events(self, method):
        self.js("0")  # what came before this answer is here now
        return [event["params"] for event in self.browser.events
                if event.get("sessionId") == self.session and event["method"] == method]

    def requests(self):
        """Addresses it asked for, whether they were let through or not."""
        return [event["request"]["url"] for event in self._events("Network.requestWillBeSent")]

    def complaints(self):
        """What a developer would see on the console: errors, warnings, violations of the policy."""
        said = [event["entry"]["level"] + ": " + event["entry"]["text"] + " " + event["entry"].get("url", "")
                for event in self._events("Log.entryAdded")]
        said += [event["type"] + ": " + " ".join(str(arg.get("value", arg.get("description"))) for arg in event["args"])
                 for event in self._events("Runtime.consoleAPICalled")]
        said += [event["exceptionDetails"]["exception"].get("description", event["exceptionDetails"]["text"])
                 for event in self._events("Runtime.exceptionThrown")]
        return said

    def screenshot(self, path, whole=False):
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
