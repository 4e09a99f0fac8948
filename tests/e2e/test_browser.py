"""/me in a real browser: what it shows, and that its forms work there and from nowhere else."""

import http.server
import re
import threading

import pytest

import browser
from peers import ANNA, BEN, READ, Peer, full_host

TOKEN = re.compile(r"sgp_[0-9A-Za-z]{49}")


@pytest.fixture
def page(registry, tmp_path):
    """Anna's browser, on whichever connection it comes."""
    if not browser.program():
        pytest.skip("there is no `chromium` here: apt-get install chromium")
    registry.tailscale.default = ANNA
    chromium = browser.Browser(tmp_path, [registry.tailscale.full_name, "elsewhere.test"])
    yield chromium
    chromium.close()


def me(registry):
    return f"http://{full_host(registry)}/me"


@pytest.fixture
def elsewhere():
    """elsewhere(HTML): the URL of a page of another site."""
    servers = []

    def serve(html):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(html.encode())

            def log_message(self, *_):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://elsewhere.test:{servers[-1].server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_page_says_who_and_what_and_keeps_to_its_own_policy(registry, page):
    page.open(me(registry))
    text = page.text()
    lines = (f'index = "sparse+http://{full_host(registry)}/index/"', 'token = "tailscale"')
    for part in ("You are anna@corp.test", "anna-laptop.rig.test", "access.members", *lines):
        assert part in text, text
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("getComputedStyle(document.querySelector('dl')).display") == "grid"  # the style counts
    assert not page.complaints()


def test_a_token_is_made_shown_once_listed_and_revoked(registry, page):
    page.open(me(registry))
    page.evaluate("document.querySelector('input[name=name]').value = 'night-job'")
    page.evaluate("document.querySelector('input[name=from]').value = 'any'")
    page.act("document.querySelector('form[action=\"/me/tokens\"] button').click()")
    token = TOKEN.search(page.text())[0]
    assert Peer(registry, BEN).me(Authorization=token) == "anna@corp.test"
    page.open(me(registry))
    assert "night-job" in page.text() and not TOKEN.search(page.text())
    page.act("document.querySelector('form[action$=\"/revoke\"] button').click()")
    assert "night-job" not in page.text() and "You are anna@corp.test" in page.text()
    assert Peer(registry, BEN).get(READ, Authorization=token).status in (401, 403)


def test_a_form_of_another_site_makes_no_token(registry, page, elsewhere):
    page.open(me(registry))
    key = page.evaluate("document.querySelector('form[action=\"/me/tokens\"] input[name=key]').value")
    values = {"key": key, "name": "theirs", "crates": "*", "from": "any", "days": "30"}  # all but the origin is right
    fields = "".join(f'<input name="{n}" value="{v}">' for n, v in values.items())
    page.open(elsewhere(f'<form method="post" action="{me(registry)}/tokens">{fields}<button>x</button></form>'))
    page.act("document.querySelector('button').click()")
    assert "own page alone" in page.text() and not TOKEN.search(page.text()), page.text()
    page.open(me(registry))
    assert "Revoke" not in page.text()


def test_another_site_neither_frames_nor_reads_the_page(registry, page, elsewhere):
    page.open(elsewhere(f'<iframe src="{me(registry)}"></iframe>'))
    page.wait_complaint("frame-ancestors")
    read = f"fetch('{me(registry)}').then(() => 'read', () => 'refused')"
    answer = page.call("Runtime.evaluate", expression=read, awaitPromise=True, returnByValue=True)
    assert answer["result"]["value"] == "refused"
