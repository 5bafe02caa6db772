// What Node.js makes of a request target. A line of hexadecimal octets in, a line of
// answers out: one for each parser, `-` where it refuses. The first line names them.
import path from "node:path";
import querystring from "node:querystring";
import readline from "node:readline";
import url from "node:url";

const target = (s) => s.split("?", 1)[0];

// Node's HTTP server gives request.url with an octet in each character.
const parsers = {
  "node URL": (s) => new URL(s, "http://h").pathname,
  "node URL of host and path": (s) => new URL("http://h" + s).pathname,
  "node URL, https": (s) => new URL(s, "https://h").pathname,
  "node URL decoded": (s) => decodeURIComponent(new URL(s, "http://h").pathname),
  "node url.parse": (s) => url.parse(s).pathname,
  "node url.parse with host": (s) => url.parse(s, false, true).pathname,
  "node url.resolve": (s) => url.parse(url.resolve("http://h/", s)).pathname,
  "node decodeURIComponent": (s) => decodeURIComponent(target(s)),
  "node posix.normalize": (s) => path.posix.normalize(target(s)),
  "node posix.normalize of decodeURIComponent": (s) => path.posix.normalize(decodeURIComponent(target(s))),
  "node posix.join": (s) => path.posix.join("/", querystring.unescape(target(s))),
  "node posix.resolve": (s) => path.posix.resolve("/", decodeURIComponent(target(s))),
  "node win32.normalize": (s) => path.win32.normalize(decodeURIComponent(target(s))).replaceAll("\\", "/"),
  "node unescape": (s) => unescape(target(s)),
};

const answers = [];
const encode = (s) => "x" + Buffer.from(s, /[^\0-\xff]/.test(s) ? "utf8" : "latin1").toString("hex");
const flush = () => process.stdout.write(answers.splice(0).join(""));

console.log(Object.keys(parsers).join("\t"));
for await (const line of readline.createInterface({ input: process.stdin })) {
  const s = Buffer.from(line, "hex").toString("latin1");
  const row = Object.values(parsers).map((parse) => {
    try {
      return encode(parse(s) ?? "");
    } catch {
      return "-";
    }
  });
  answers.push(row.join(" ") + "\n");
  if (answers.length > 1000) flush();
}
flush();
