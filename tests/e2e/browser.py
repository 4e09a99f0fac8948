"""A real Chromium without a window, driven over its DevTools pipe."""

import json
import os
import select
import shutil
import subprocess
import time

TIMEOUT_S = 30


def program():
    return shutil.which("chromium")


class Browser:
    """One browser with one page. hosts: names that it finds on this machine; all others it does not find."""

    def __init__(self, folder, hosts):
        rules = ", ".join([f"MAP {host} 127.0.0.1" for host in hosts] + ["MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1"])
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                   "--disable-component-update", "--disable-sync", "--remote-debugging-pipe", f"--user-data-dir={folder}",
                   f"--host-resolver-rules={rules}", "about:blank"]  # fmt: skip
        to_read, self.out = os.pipe()
        self.into, to_write = os.pipe()
        self.log = open(folder / "log", "ab")
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "chromium", program(), *options],
            pass_fds=(to_read, to_write), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self.number, self.buffer, self.session = 0, b"", None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def _message(self):
        end = time.monotonic() + TIMEOUT_S
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.into], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser says nothing"
            chunk = os.read(self.into, 1 << 20)
            assert chunk, "the browser has ended"
            self.buffer += chunk
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while (answer := self._message()).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def wait_loaded(self):
        while True:
            for i, event in enumerate(self.events):
                if event.get("method") == "Page.loadEventFired":
                    self.events.pop(i)
                    return
            self.events.append(self._message())

    def open(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.wait_loaded()

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def act(self, expression):
        """Something that loads another page."""
        self.events.clear()
        self.evaluate(expression)
        self.wait_loaded()

    def text(self):
        return self.evaluate("document.body.innerText")

    def complaints(self):
        """What the browser found wrong with the page, such as a breach of its own policy."""
        return [e["params"]["entry"]["text"] for e in self.events if e.get("method") == "Log.entryAdded"]

    def wait_complaint(self, word):
        """It comes from another process than the page's, so perhaps after the page has loaded."""
        while not any(word in text for text in self.complaints()):
            self.events.append(self._message())

    def close(self):
        self.process.terminate()
        self.process.wait(TIMEOUT_S)
        os.close(self.out)
        os.close(self.into)
        self.log.close()
