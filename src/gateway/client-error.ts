// Answers what is no HTTP request that could reach a route: the connection alone is there, and it is
// closed after the answer.
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { HttpProblem, PROBLEM_CONTENT_TYPE, problemBody } from "./problem.js";

/** For Fastify's `clientErrorHandler`. */
export function answerClientError(error: { readonly code?: string }, socket: Socket): void {
  // A client that hung up, or one that is in the middle of an answer, hears nothing more.
  if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(error.code);
  const body = JSON.stringify(problemBody(problem));
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? "Error"}`,
    `Content-Type: ${PROBLEM_CONTENT_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function problemOf(code: string | undefined): HttpProblem {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new HttpProblem(
        431,
        "malformed_request",
        "the headers and the path have more than 16 KiB: send less, or in the body",
      );
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new HttpProblem(408, "malformed_request", "the request did not come in time");
    case "HPE_INVALID_METHOD":
      return new HttpProblem(400, "malformed_request", "the method is none of HTTP's");
    default:
      return new HttpProblem(400, "malformed_request", "this is no HTTP/1.1 request");
  }
}
