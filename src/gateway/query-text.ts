// Refuses a query that is no percent-encoded UTF-8: the parser would take `%ff` for these three
// characters, and so for another text than was sent.
import type { FastifyRequest } from "fastify";
import { invalidFields } from "./problem.js";

/** For every request. @throws HttpProblem 422 naming the field */
export function requireQueryText(request: FastifyRequest, _reply: unknown, done: () => void): void {
  const { url = "" } = request.raw;
  const start = url.indexOf("?");
  if (start >= 0 && !isDecodable(url)) {
    const broken = url
      .slice(start + 1)
      .split("&")
      .find((pair) => !isDecodable(pair));
    const name = broken?.split("=")[0] ?? "";
    const field = isDecodable(name) ? decodeURIComponent(name) : name;
    throw invalidFields([{ field, message: "is not percent-encoded UTF-8: encode it so" }]);
  }
  done();
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
