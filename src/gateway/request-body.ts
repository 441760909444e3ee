// The body of a request as text: JSON comes in UTF-8 and as it is; what does not is refused and not
// guessed at, so that no task holds other data than was sent.
import { isUtf8 } from "node:buffer";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { HttpProblem } from "./problem.js";

/**
 * Takes bodies of these media types.
 * @param bodyLimit bytes; default: that of the server
 * @param parse what it throws is the answer
 */
export function takeBodies(
  app: FastifyInstance,
  mediaTypes: string[],
  parse: (text: string) => unknown,
  bodyLimit?: number,
): void {
  const options = { parseAs: "buffer" as const, ...(bodyLimit === undefined ? {} : { bodyLimit }) };
  app.addContentTypeParser<Buffer>(mediaTypes, options, (request, body, done) => {
    try {
      done(null, parse(bodyText(request, body)));
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

/** Of a call that takes one. @param form what the body must be @throws HttpProblem 400 */
export function requireBody(body: unknown, form: "a JSON object" | "a JSON array"): void {
  if (body !== undefined) return;
  throw new HttpProblem(400, "malformed_json", `the body is empty; it must be ${form}`);
}

/** @throws HttpProblem 415 for another encoding, 400 for bytes that are no UTF-8 */
function bodyText(request: FastifyRequest, body: Buffer): string {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    const detail = `Content-Encoding ${encoding} is not taken: send the body as it is`;
    throw new HttpProblem(415, "unsupported_media_type", detail);
  }
  const charset = /;\s*charset="?([^;"\s]+)/i.exec(request.headers["content-type"] ?? "")?.[1];
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) {
    const detail = `charset ${charset} is not taken: send JSON in UTF-8`;
    throw new HttpProblem(415, "unsupported_media_type", detail);
  }
  if (!isUtf8(body)) {
    throw new HttpProblem(400, "malformed_json", "the body is not in UTF-8: send JSON in UTF-8");
  }
  return body.toString("utf8");
}
