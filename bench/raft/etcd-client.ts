// A client process of etcd: one call of KV.Put for each value, all on one HTTP/2 connection. Speaks
// gRPC over node:http2 itself, at a third of what a call through grpc-js costs, so that it is etcd
// that is measured.
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from "node:http2";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { measure } from "./window.js";
import { obey, say } from "./words.js";

const FRAME_HEAD_BYTES = 5;
const KEY = Buffer.from("bench/key");

let session: ClientHttp2Session | undefined;

obey(async (order) => {
  switch (order.kind) {
    case "connect":
      session?.close();
      session = connect(`http://${order.address}`);
      await untilReady(session);
      say({ kind: "connected", leads: await leads(session) });
      return;
    case "load": {
      const to = session;
      if (to === undefined) throw new Error("not connected");
      const measured = await measure(order.load, async (value) => {
        const put = new BinaryWriter().uint32(10).bytes(KEY).uint32(18).bytes(value).finish();
        await call(to, "/etcdserverpb.KV/Put", put);
      });
      say({ kind: "measured", measured });
      return;
    }
    case "peers":
      throw new Error("a client has no peers");
  }
});

function untilReady(to: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    to.once("connect", () => resolve());
    to.once("error", reject);
  });
}

/** Maintenance.Status names the member (field 2 of field 1) and the leader that it follows (4). */
async function leads(to: ClientHttp2Session): Promise<boolean> {
  const status = await call(to, "/etcdserverpb.Maintenance/Status", new Uint8Array(0));
  const reader = new BinaryReader(status);
  let member = "";
  let leader = "";
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) member = memberOf(reader.bytes());
    else if (field === 4) leader = String(reader.uint64());
    else reader.skip(wireType);
  }
  return member !== "" && member === leader;
}

function memberOf(header: Uint8Array): string {
  const reader = new BinaryReader(header);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 2) return String(reader.uint64());
    reader.skip(wireType);
  }
  return "";
}

/** A unary call; returns the answer's bytes. */
function call(to: ClientHttp2Session, path: string, request: Uint8Array): Promise<Uint8Array> {
  const frame = Buffer.alloc(FRAME_HEAD_BYTES + request.byteLength);
  frame.writeUInt32BE(request.byteLength, 1);
  frame.set(request, FRAME_HEAD_BYTES);
  return new Promise((resolve, reject) => {
    const stream = to.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    let status = "";
    stream.on("trailers", (trailers: IncomingHttpHeaders) => {
      status = String(trailers["grpc-status"]);
    });
    stream.on("error", reject);
    stream.on("end", () => {
      if (status === "0") resolve(Buffer.concat(parts).subarray(FRAME_HEAD_BYTES));
      else reject(new Error(`${path} ended with status ${status}`));
    });
    stream.end(frame);
  });
}
