// Ports to listen on, several in a row: the nodes of a mesh count up from the first.
import { createServer } from "node:net";

// Below the ports that systems hand out for outgoing connections, which come and go at any time.
const FIRST_PORT = 20_000;
const LAST_PORT = 30_000;

/** So many free ports in a row. */
export async function freePorts(count: number): Promise<number[]> {
  for (;;) {
    const first = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT - count));
    const ports = Array.from({ length: count }, (_, at) => first + at);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return ports;
  }
}

/** Whether a port can be listened on. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
