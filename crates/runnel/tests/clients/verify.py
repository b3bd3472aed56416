"""Verifies callbacks as a receiver in Python does. Reads a JSON list of
{"secret", "headers", "body"} from stdin; prints a list of [plain, standard]."""

import hashlib
import hmac
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def plain(secret, headers, body):
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, headers.get("runflow-signature", ""))


def standard(secret, headers, body):
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


judged = []
for message in json.load(sys.stdin):
    given = message["secret"], message["headers"], message["body"].encode()
    judged.append([plain(*given), standard(*given)])
print(json.dumps(judged))
