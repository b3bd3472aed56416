// Verifies callbacks as a receiver in Node does. Reads a JSON list of
// {"secret", "headers", "body"} from stdin; prints a list of [plain, standard].
//   node verify.mjs FOLDER   where FOLDER has node_modules/standardwebhooks
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const load = createRequire(resolve(process.argv[2], "package.json"));
const { Webhook, WebhookVerificationError } = load("standardwebhooks");

function plain({ secret, headers, body }) {
  const expected = createHmac("sha256", secret).update(body).digest();
  const given = Buffer.from(headers["runflow-signature"] ?? "", "hex");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function standard({ secret, headers, body }) {
  try {
    new Webhook(secret).verify(body, headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
  return true;
}

const messages = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(messages.map((message) => [plain(message), standard(message)])));
