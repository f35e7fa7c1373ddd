"""A receiver of webhooks: answers 204 to what is signed with the key, freshly, and 401 to all else. Prints its port."""

import hashlib
import hmac
import http.server
import json
import sys
import time

KEY = sys.argv[1].encode()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        timestamp = self.headers["X-Signature-Timestamp"]
        expected = "sha256=" + hmac.new(KEY, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        signed = hmac.compare_digest(expected, self.headers["X-Signature"])
        fresh = abs(time.time() - int(timestamp)) < 300
        named = json.loads(body)["id"] == self.headers["Idempotency-Key"]
        self.send_response(204 if signed and fresh and named else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
