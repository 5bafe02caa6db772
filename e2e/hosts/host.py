"""Runs a module in Wasmtime and reports what it did, for hosts_test.go.

The commands are those of Host.java. The clock is right, and each answer to a request also
has how many nanoseconds the callback took, without the host's functions, and how large the
memory is. The host has no timer, metrics, calls and foreign functions, and filter state
only if asked to. A request stays open when "open" is its command.
"""

import base64
import struct
import sys
import time

import wasmtime

OK, NOT_FOUND, BAD_ARGUMENT, UNIMPLEMENTED = 0, 1, 2, 12
REQUEST_HEADERS = 0
PLUGIN_CONFIGURATION = 7
LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"]
PLUGIN = 1


def encode(field):
    return "=" + base64.b64encode(field).decode()


def decode(field):
    return base64.b64decode(field[1:])


def encode_pairs(pairs):
    out = struct.pack("<I", len(pairs))
    out += b"".join(struct.pack("<II", len(name), len(value)) for name, value in pairs)
    return out + b"".join(name + b"\0" + value + b"\0" for name, value in pairs)


def decode_pairs(data):
    (count,) = struct.unpack_from("<I", data)
    at, pairs = 4 + 8 * count, []
    for i in range(count):
        name, value = struct.unpack_from("<II", data, 4 + 8 * i)
        pairs.append((data[at : at + name], data[at + name + 1 : at + name + 1 + value]))
        at += name + value + 2
    return pairs


class VM:
    """One instance with one plugin."""

    def __init__(self, engine, module, state, config):
        self.state, self.config = state, config
        self.logs, self.request, self.reply, self.properties = [], None, None, []
        self.store = wasmtime.Store(engine)
        wasi = wasmtime.WasiConfig()
        self.store.set_wasi(wasi)
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        self.in_host = 0
        # Both the filter and its SDK import some of them.
        for name, kind in {wanted.name: wanted.type for wanted in module.imports if wanted.module == "env"}.items():
            linker.define(self.store, "env", name, wasmtime.Func(self.store, kind, self.timed(name)))
        exports = linker.instantiate(self.store, module).exports(self.store)
        self.exports, self.memory = exports, exports["memory"]
        self.call("_initialize")
        self.last = PLUGIN
        self.call("proxy_on_context_create", PLUGIN, 0)
        self.started = bool(
            self.call("proxy_on_vm_start", PLUGIN, 0) and self.call("proxy_on_configure", PLUGIN, len(config))
        )

    def timed(self, name):
        run = getattr(self, name, lambda *_: UNIMPLEMENTED)

        def call(*arguments):
            began = time.perf_counter_ns()
            status = run(*arguments)
            self.in_host += time.perf_counter_ns() - began
            return status

        return call

    def call(self, name, *arguments):
        return self.exports[name](self.store, *arguments)

    def read(self, at, size):
        return bytes(self.memory.read(self.store, at, at + size))

    def write(self, at, data):
        self.memory.write(self.store, data, at)

    def give(self, data, at, size):
        """Returns bytes to the module, in memory that it allocates."""
        pointer = 0
        if data:
            pointer = self.call("proxy_on_memory_allocate", len(data))
            self.write(pointer, data)
        self.write(at, struct.pack("<I", pointer))
        self.write(size, struct.pack("<I", len(data)))
        return OK

    def receive(self, headers, ends):
        """Sends request headers and returns the action and the time that it took."""
        self.request, self.reply, self.properties = headers, None, []
        self.last += 1
        self.call("proxy_on_context_create", self.last, PLUGIN)
        self.in_host = 0
        began = time.perf_counter_ns()
        action = self.call("proxy_on_request_headers", self.last, len(headers), 1)
        took = time.perf_counter_ns() - began - self.in_host
        if ends:
            self.call("proxy_on_delete", self.last)
        return action, took

    # The functions of the ABI.

    def proxy_log(self, level, at, size):
        self.logs.append((LEVELS[level] + " ").encode() + self.read(at, size))
        return OK

    def proxy_get_log_level(self, at):
        self.write(at, struct.pack("<I", LEVELS.index("INFO")))
        return OK

    def proxy_get_current_time_nanoseconds(self, at):
        self.write(at, struct.pack("<Q", time.time_ns()))
        return OK

    def proxy_get_buffer_bytes(self, kind, start, most, at, size):
        if kind != PLUGIN_CONFIGURATION:
            return BAD_ARGUMENT
        return self.give(self.config[start : start + most], at, size)

    def proxy_get_header_map_pairs(self, kind, at, size):
        if kind != REQUEST_HEADERS:
            return BAD_ARGUMENT
        return self.give(encode_pairs(self.request), at, size)

    def proxy_get_header_map_value(self, kind, name, name_size, at, size):
        wanted = self.read(name, name_size)
        for have, value in self.request:
            if kind == REQUEST_HEADERS and have == wanted:
                return self.give(value, at, size)
        return NOT_FOUND

    def proxy_remove_header_map_value(self, kind, name, name_size):
        unwanted = self.read(name, name_size)
        self.request = [pair for pair in self.request if pair[0] != unwanted]
        return OK

    def proxy_replace_header_map_value(self, kind, name, name_size, value, value_size):
        self.proxy_remove_header_map_value(kind, name, name_size)
        self.request.append((self.read(name, name_size), self.read(value, value_size)))
        return OK

    def proxy_get_property(self, path, path_size, at, size):
        return NOT_FOUND

    def proxy_set_property(self, path, path_size, value, value_size):
        if not self.state:
            return UNIMPLEMENTED
        if self.request is None:
            return NOT_FOUND
        self.properties.append((self.read(path, path_size), self.read(value, value_size)))
        return OK

    def proxy_send_local_response(self, status, details, details_size, body, body_size, headers, headers_size, grpc):
        self.reply = [b"%d" % status, self.read(details, details_size), self.read(body, body_size)]
        for pair in decode_pairs(self.read(headers, headers_size)):
            self.reply += pair
        return OK


def answer(vm, fields, ends):
    headers = [(decode(n), decode(v)) for n, v in zip(fields[0::2], fields[1::2])]
    action, took = vm.receive(headers, ends)
    paused = action == 1
    if vm.reply is not None:
        words = ["replied" if paused else "replied and continued"] + [encode(f) for f in vm.reply]
    else:
        words = ["paused" if paused else "continued"] + [encode(f) for pair in vm.request for f in pair]
    words += ["state"] + [encode(f) for pair in vm.properties for f in pair]
    words += ["took", encode(b"%d" % took), "memory", encode(b"%d" % vm.memory.data_len(vm.store))]
    return words


def main():
    engine = wasmtime.Engine()
    module = wasmtime.Module.from_file(engine, sys.argv[1])
    vm = None
    for line in sys.stdin:
        command, *fields = line.split()
        if command == "start":
            vm = VM(engine, module, decode(fields[0]) == b"state", decode(fields[1]))
            words = ["started" if vm.started else "refused"] + [encode(log) for log in vm.logs]
        elif command in ("request", "open"):
            words = answer(vm, fields, command == "request")
        else:
            raise ValueError(command)
        print(" ".join(words), flush=True)


main()
