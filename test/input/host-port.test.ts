// host:port with names, IPv4 and IPv6 addresses: what is joined is parsed again, and what cannot be told
// apart is refused.
import { describe, expect, it } from "vitest";
import { isHost, isWildcard, joinHostPort, parseHostPort } from "../../src/input/host-port.js";

describe("host:port", () => {
  it.each([
    ["n1.mesh.svc", 50_051, "n1.mesh.svc:50051"],
    ["10.0.0.1", 1, "10.0.0.1:1"],
    ["::1", 65_535, "[::1]:65535"],
    ["2001:db8::7", 6_379, "[2001:db8::7]:6379"],
    ["fe80::1%eth0", 80, "[fe80::1%eth0]:80"],
  ])("is joined and parsed: %s and %i", (host, port, text) => {
    expect(joinHostPort(host, port)).toBe(text);
    expect(parseHostPort(text)).toEqual({ host, port });
  });

  it("is joined from an address in brackets, too", () => {
    expect(joinHostPort("[::1]", 80)).toBe("[::1]:80");
  });

  it.each([
    "",
    "host",
    "host:",
    ":80",
    "::1:80",
    "[::1]",
    "[host]:80",
    "host:65536",
    "a b:80",
    "a/b:80",
    "host:8x",
  ])("is not what cannot be told apart: %s", (text) => {
    expect(parseHostPort(text)).toBeUndefined();
  });

  it.each([
    ["localhost", true],
    ["10.0.0.1", true],
    ["::1", true],
    ["[::1]", false],
    ["host:80", false],
    ["", false],
    ["a/b", false],
  ])("has a host without port and brackets: %s", (text, is) => {
    expect(isHost(text)).toBe(is);
  });

  it.each(["0.0.0.0", "::", "0:0:0:0:0:0:0:0", "::0", "0", "::ffff:0.0.0.0"])(
    "is reached by nobody where the host is every address: %s",
    (host) => {
      expect(isWildcard(host)).toBe(true);
    },
  );

  it.each(["127.0.0.1", "::1", "n1", "10.0.0.0"])("may be reached: %s", (host) => {
    expect(isWildcard(host)).toBe(false);
  });
});
