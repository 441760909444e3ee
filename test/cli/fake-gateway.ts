// A gateway that answers as it is told, and remembers what it was asked.
import { once } from "node:events";
import { createServer, type Server } from "node:http";

export interface Asked {
  readonly line: string;
  readonly body: unknown;
}

export class FakeGateway {
  readonly asked: Asked[] = [];
  readonly #server: Server;

  private constructor(
    answer: (line: string, asked: readonly Asked[]) => readonly [number, unknown],
  ) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const line = `${request.method ?? ""} ${request.url ?? ""}`;
        this.asked.push({ line, body: text === "" ? undefined : (JSON.parse(text) as unknown) });
        const [status, body] = answer(line, this.asked);
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
      });
    });
  }

  static async start(
    answer: (line: string, asked: readonly Asked[]) => readonly [number, unknown],
  ): Promise<FakeGateway> {
    const gateway = new FakeGateway(answer);
    gateway.#server.listen(0, "127.0.0.1");
    await once(gateway.#server, "listening");
    return gateway;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("it does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  close(): void {
    this.#server.close();
  }
}
