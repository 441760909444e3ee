// A stream on which a client proposes: a message up holds the values that one answer let go, a
// message down says how many more are committed, in the order in which they came.
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import type { ServerDuplexStream, ServiceDefinition } from "@grpc/grpc-js";

const itself = (bytes: Buffer) => bytes;
const PATH = "/bench.Proposals/Propose";

export const ProposalService = {
  propose: {
    path: PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: itself,
    requestDeserialize: itself,
    responseSerialize: itself,
    responseDeserialize: itself,
  },
} satisfies ServiceDefinition;

/** Answers with what `propose` commits; `valueBytes` tells the values of a message apart. */
export function proposalHandler(valueBytes: number, propose: (value: Buffer) => Promise<void>) {
  return (call: ServerDuplexStream<Buffer, Buffer>): void => {
    let committed = 0;
    const tell = () => {
      const count = Buffer.alloc(4);
      count.writeUInt32LE(committed);
      committed = 0;
      call.write(count);
    };
    call.on("data", (batch: Buffer) => {
      for (let at = 0; at < batch.byteLength; at += valueBytes) {
        propose(batch.subarray(at, at + valueBytes)).then(
          () => {
            if (committed === 0) process.nextTick(tell);
            committed += 1;
          },
          (error: unknown) => call.destroy(error instanceof Error ? error : undefined),
        );
      }
    });
    call.on("end", () => call.end());
  };
}

export class ProposalClient {
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #waiting: (() => void)[] = [];
  #batch: Uint8Array[] = [];

  constructor(address: string) {
    const client = new Client(address, credentials.createInsecure());
    this.#stream = client.makeBidiStreamRequest(PATH, itself, itself);
    this.#stream.on("data", (count: Buffer) => {
      for (const committed of this.#waiting.splice(0, count.readUInt32LE())) committed();
    });
    this.#stream.on("error", (error) => {
      throw error;
    });
  }

  commit(value: Uint8Array): Promise<void> {
    if (this.#batch.length === 0) process.nextTick(() => this.#send());
    this.#batch.push(value);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #send(): void {
    const batch = this.#batch;
    this.#batch = [];
    this.#stream.write(Buffer.concat(batch));
  }
}
