"""What each caller is to be answered at each route, worked out from tests/access_matrix.toml alone.

Nothing here knows how the program decides. From it comes only the table of routes, as
tests/support/access_table.c prints it: method, path, what the route needs, and whether it answers
in cargo's JSON or in text."""

import tomllib
from collections import namedtuple
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "access_matrix.toml"
WIDTH = {"none": 0, "own": 1, "any": 2}
HEALTH = ("/healthz", "/readyz")

# need of a route: its rows, as (subject, right). What the subject is, is in the matrix's page.
SUBJECTS = {
    "nothing": ["-"],
    "admin-door": ["-"],
    "read": ["-"],
    "publish": ["new", "own", "other"],
    "yank": ["own", "other"],
    "change-owners": ["own", "other"],
    "own-form": ["-"],
}
RIGHTS = {"yank": "yank", "change-owners": "change-owners"}

Route = namedtuple("Route", "method path need shape")
Listener = namedtuple("Listener", "name text url identity anonymous token_reads only_health admin")
Kind = namedtuple(
    "Kind", "name says group server listener who sends authorization token peer key roles scopes covers tagged both never funnel forwarded quiet http2"
)
KIND_DEFAULTS = {
    "server": "default", "sends": "nothing", "authorization": None, "token": None, "peer": None, "key": None, "roles": [], "scopes": None,
    "covers": True, "tagged": False, "both": False, "never": False, "funnel": False, "forwarded": [], "quiet": False, "http2": False,
}  # fmt: skip


class Matrix:
    def __init__(self, path=DATA):
        self.data = tomllib.loads(Path(path).read_text())
        self.roles = self.data["roles"]
        self.listeners = {
            name: Listener(name, l["text"], l.get("url"), l.get("identity"), *(l.get(k, False) for k in ("anonymous", "token_reads", "only_health", "admin")))
            for name, l in self.data["listeners"].items()
        }
        self.groups = [(g["title"], [self._kind(g, k) for k in g["kinds"]]) for g in self.data["group"]]
        self.kinds = [kind for _, kinds in self.groups for kind in kinds]
        names = [kind.name for kind in self.kinds]
        assert len(names) == len(set(names)), "two callers have one name"

    def _kind(self, group, given):
        above = {k: group[k] for k in ("server", "listener") if k in group}
        kind = {**KIND_DEFAULTS, **above, **given, "group": group["title"]}
        assert kind["who"] in ("somebody", "anonymous", "nobody") and kind["sends"] in ("nothing", "word", "token", "bad"), kind
        return Kind(**kind)

    # -- rights

    def extent(self, kind, right):
        """none, own or any: the union of their roles, cut by what a token is for."""
        roles = [self.roles[r] for r in kind.roles]
        widest = max((r.get(right, "none") for r in roles), key=WIDTH.get, default="none")
        if kind.sends == "token" and right != "read":
            if (kind.scopes is not None and right not in kind.scopes) or not kind.covers or (right == "admin" and kind.scopes is None):
                return "none"
        return widest

    def _may(self, kind, need, subject):
        right = RIGHTS.get(need) or {"new": "publish-new"}.get(subject, "publish-update")
        extent = self.extent(kind, right)
        return extent == "any" or (extent == "own" and subject == "own")

    def _reads(self, kind):
        return self.listeners[kind.listener].anonymous or self.extent(kind, "read") == "any"

    # -- answers

    def _takes_tokens(self, kind):
        listener = self.listeners[kind.listener]
        return not kind.never and (listener.identity is None or listener.token_reads)

    def _no_credential(self, kind, shape):
        """401 where another token would help, else 403, of which cargo shows the sentence. On the web
        API whoever sent something gets 403, as cargo expects it."""
        sent = kind.sends != "nothing"
        return 403 if not self._takes_tokens(kind) or (shape == "json" and sent) else 401

    def _is_turned_away(self, kind):
        """Refused everything but health."""
        listener = self.listeners[kind.listener]
        if kind.sends == "bad" or kind.never or kind.funnel:
            return True
        return kind.who == "nobody" and not (listener.anonymous and kind.sends != "token")

    def _form(self, kind, path):
        """Tokens are revoked by those whom the network itself names, and made by them if they may
        anything at all. No token makes tokens, and a tag is nobody to own some."""
        listener = self.listeners[kind.listener]
        if kind.who != "somebody" or kind.sends == "token" or not listener.identity or kind.tagged:
            return 403
        if path.endswith("/revoke"):
            return 303
        careful = self.data["servers"][kind.server]["settings"].get("access.changes_need_token")
        return 200 if self._reads(kind) and not careful else 403

    def _change(self, kind, route, subject):
        if kind.who != "somebody" or kind.sends == "nothing":
            return self._no_credential(kind, route.shape)
        if self.data["servers"][kind.server]["settings"].get("access.changes_need_token") and not kind.both:
            return 403
        return 200 if self._may(kind, route.need, subject) else 403

    def answer(self, route, subject, kind):
        listener = self.listeners[kind.listener]
        health = route.path in HEALTH
        if listener.admin or route.need == "admin-door":
            return 200 if listener.admin and route.need == "admin-door" else 404
        if listener.only_health and not health:
            return 404
        if health:
            return 200
        if self._is_turned_away(kind):
            return self._no_credential(kind, route.shape)
        if route.need == "nothing":
            return 200
        if route.need == "own-form":
            return self._form(kind, route.path)
        if route.need != "read":
            return self._change(kind, route, subject)
        if self._reads(kind):
            return 200
        return 403 if kind.who == "somebody" else self._no_credential(kind, route.shape)

    def answer_to_method(self, routes, path, method, subject, kind):
        """Any method at a path of the table: HEAD is as GET, and what the table does not have is 405,
        but 404 where the listener has no such path at all."""
        wanted = "GET" if method == "HEAD" else method
        for route in routes:
            if route.path == path and route.method == wanted:
                return self.answer(route, subject, kind)
        seen = {self.answer(route, SUBJECTS[route.need][0], kind) for route in routes if route.path == path}
        return 404 if seen == {404} else 405


def routes_of(table):
    return [Route(r["method"], r["path"], r["need"], r["shape"]) for r in table["routes"]]
