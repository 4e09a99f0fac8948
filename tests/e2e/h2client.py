"""HTTP/2 over cleartext: by prior knowledge, or by the upgrade that cargo offers with each request."""

import socket
from urllib.parse import urlsplit

import pytest

from raw import TIMEOUT_S, Raw, Response

pytest.importorskip("h2", reason="python3-h2 is not installed")
from h2 import events  # noqa: E402
from h2.config import H2Configuration  # noqa: E402
from h2.connection import H2Connection  # noqa: E402


class H2:
    """One connection. upgrade: (method, path, headers, body) of the HTTP/1.1 request that offers it;
    its answer is self.first. A server that declines leaves self.upgraded false."""

    def __init__(self, url, upgrade=None, connected=None):
        self.host = urlsplit(url).netloc
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.streams, self.goaway, self.upgraded = {}, None, upgrade is None
        if upgrade:
            self._offer(url, *upgrade)
        else:
            parts = urlsplit(url)
            self.socket = connected or socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT_S)
            self.h2.initiate_connection()
            self._flush()

    def _offer(self, url, method, path, headers, body):
        settings = self.h2.initiate_upgrade_connection().decode()
        raw = Raw(url)
        fields = {
            **headers, "Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": settings,
        }  # fmt: skip
        if body is not None:
            fields["Content-Length"] = str(len(body))
        raw.send(raw.head(method, path, fields) + (body or b""))
        answer = raw.read_response()
        self.socket, self.interim = raw.socket, raw.interim
        if answer.status != 101:
            self.first = answer
            return
        self.upgraded = True
        self.streams[1] = {"headers": [], "body": b"", "ended": False, "reset": None}
        self._receive(raw.buffer)
        self._flush()
        self.first = self.wait(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def _receive(self, data):
        for event in self.h2.receive_data(data):
            stream = self.streams.get(getattr(event, "stream_id", None))
            if isinstance(event, events.ConnectionTerminated):
                self.goaway = event
            elif stream is None:
                continue
            elif isinstance(event, events.ResponseReceived):
                stream["headers"] = event.headers
            elif isinstance(event, events.DataReceived):
                stream["body"] += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, events.StreamEnded):
                stream["ended"] = True
            elif isinstance(event, events.StreamReset):
                stream["reset"] = event.error_code
        self._flush()

    def pump(self):
        data = self.socket.recv(262144)
        if not data:
            raise EOFError(f"closed; GOAWAY {self.goaway}")
        self._receive(data)

    def open(self, method, path, headers=None, end=True):
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"), (":authority", self.host), (":path", path)]
        fields += [(k.lower(), v) for k, v in (headers or {}).items()]
        self.streams[stream] = {"headers": [], "body": b"", "ended": False, "reset": None}
        self.h2.send_headers(stream, fields, end_stream=end)
        self._flush()
        return stream

    def done(self, stream):
        return self.streams[stream]["ended"] or self.streams[stream]["reset"] is not None

    def send_body(self, stream, data):
        """As far as the windows go; stops early when the answer is there."""
        sent = 0
        while sent < len(data) and not self.done(stream):
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(data) - sent)
            if room <= 0:
                self.pump()
                continue
            self.h2.send_data(stream, data[sent : sent + room])
            sent += room
            self._flush()
        if not self.done(stream):
            self.h2.end_stream(stream)
            self._flush()
        return sent

    def wait(self, stream):
        while not self.done(stream):
            self.pump()
        state = self.streams[stream]
        assert state["headers"], f"stream {stream} was reset with {state['reset']} before an answer"
        fields = dict(state["headers"])
        return Response(int(fields[":status"]), "", [h for h in state["headers"] if h[0][0] != ":"], state["body"])

    def request(self, method, path, headers=None, body=None):
        headers = dict(headers or {})
        if body is not None:
            headers.setdefault("content-length", str(len(body)))
        stream = self.open(method, path, headers, end=body is None)
        if body is not None:
            self.send_body(stream, body)
        return self.wait(stream)
