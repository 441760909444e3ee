// Puts the links under gRPC: channels with these credentials connect through the link to the peer
// that their target is the address of. grpc-js has no other place where a socket can be handed in.
import { ChannelCredentials } from "@grpc/grpc-js";
import { asSocket, LinkedSocket, type LinkEnds } from "./linked-socket.js";
import { LinkGate } from "./link-gate.js";

type ConnectorArguments = Parameters<ChannelCredentials["_createSecureConnector"]>;
type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

export class LinkCredentials extends ChannelCredentials {
  readonly #inner: ChannelCredentials;
  readonly #endsTo: (address: string) => LinkEnds;
  /** @param endsTo the link to whoever is reached at host:port */
  constructor(inner: ChannelCredentials, endsTo: (address: string) => LinkEnds) {
    super();
    this.#inner = inner;
    this.#endsTo = endsTo;
  }

  override _isSecure(): boolean {
    return this.#inner._isSecure();
  }

  /** Channels share a connection only where their links are the same. */
  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...[target, ...rest]: ConnectorArguments): Connector {
    const inner = this.#inner._createSecureConnector(target, ...rest);
    const endsTo = (): LinkEnds => this.#endsTo(target.path);
    let giveUp: (() => void) | undefined;
    let destroyed = false;
    return {
      // Asked before the TCP connection is made: under a cut there is none, and no refusal either.
      waitForReady: async () => {
        await new Promise<void>((resolve, reject) => {
          giveUp = () => reject(new Error("the channel was closed"));
          handshake(endsTo(), resolve);
        });
        await inner.waitForReady();
      },
      connect: (raw) => {
        if (destroyed) return Promise.reject(new Error("the channel was closed"));
        return inner.connect(asSocket(LinkedSocket.over(raw, endsTo())));
      },
      getCallCredentials: () => inner.getCallCredentials(),
      destroy: () => {
        destroyed = true;
        giveUp?.();
        inner.destroy();
      },
    };
  }
}

function handshake({ outbound, inbound, retransmits }: LinkEnds, made: () => void): void {
  const back = new LinkGate(inbound, retransmits);
  new LinkGate(outbound, retransmits).send(0, () => back.send(0, made));
}
