import com.dylibso.chicory.compiler.MachineFactoryCompiler;
import com.dylibso.chicory.wasm.Parser;
import io.roastedroot.proxywasm.LogLevel;
import io.roastedroot.proxywasm.MetricType;
import io.roastedroot.proxywasm.StartException;
import io.roastedroot.proxywasm.WasmException;
import io.roastedroot.proxywasm.internal.Action;
import io.roastedroot.proxywasm.internal.Handler;
import io.roastedroot.proxywasm.internal.ProxyMap;
import io.roastedroot.proxywasm.internal.ProxyWasm;
import io.roastedroot.proxywasm.internal.StreamType;
import io.roastedroot.proxywasm.internal.WasmResult;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/**
 * Runs a module in proxy-wasm-java-host and reports what it did, for java_test.go.
 *
 * <p>Each line of the input is a command, its fields base64 and separated by spaces:
 * {@code start STATE CONFIG} begins a new VM and plugin, {@code request NAME VALUE NAME VALUE ...}
 * is a request's headers. Each command gets one line: what it is, then fields in base64.
 */
public class Host {
  static String encode(byte[] field) {
    return "=" + Base64.getEncoder().encodeToString(field == null ? new byte[0] : field);
  }

  static String encode(String field) {
    return encode(field.getBytes(StandardCharsets.UTF_8));
  }

  static String decode(String field) {
    return new String(Base64.getDecoder().decode(field.substring(1)), StandardCharsets.UTF_8);
  }

  static void append(List<String> out, ProxyMap pairs) {
    for (var pair : pairs.entries()) {
      out.add(encode(pair.getKey()));
      out.add(encode(pair.getValue()));
    }
  }

  /** A host without timer, metrics and calls, and with filter state only if asked to. */
  static class Bare implements Handler {
    final boolean state;
    final byte[] config;
    final List<String> logs;

    ProxyMap request;
    final ProxyMap properties = ProxyMap.of();
    List<String> reply;

    Bare(boolean state, byte[] config, List<String> logs) {
      this.state = state;
      this.config = config;
      this.logs = logs;
    }

    @Override
    public byte[] getPluginConfig() {
      return config;
    }

    @Override
    public byte[] getVmConfig() {
      return new byte[0];
    }

    @Override
    public void log(LogLevel level, String message) {
      logs.add(level + " " + message);
    }

    @Override
    public LogLevel getLogLevel() {
      return LogLevel.INFO;
    }

    @Override
    public WasmResult setTickPeriodMilliseconds(int milliseconds) {
      return WasmResult.UNIMPLEMENTED;
    }

    @Override
    public int defineMetric(MetricType type, String name) throws WasmException {
      throw new WasmException(WasmResult.UNIMPLEMENTED);
    }

    @Override
    public WasmResult setProperty(List<String> path, byte[] value) {
      if (!state) {
        return WasmResult.UNIMPLEMENTED;
      }
      if (request == null) {
        return WasmResult.NOT_FOUND;
      }
      properties.put(String.join(".", path), new String(value, StandardCharsets.UTF_8));
      return WasmResult.OK;
    }

    @Override
    public ProxyMap getHttpRequestHeaders() {
      return request;
    }

    @Override
    public WasmResult sendHttpResponse(
        int status, byte[] details, byte[] body, ProxyMap headers, int grpcStatus) {
      reply = new ArrayList<>(List.of(encode("" + status), encode(details), encode(body)));
      append(reply, headers);
      return WasmResult.OK;
    }

    @Override
    public WasmResult setAction(StreamType stream, Action action) {
      return WasmResult.OK;
    }
  }

  public static void main(String[] arguments) throws Exception {
    var module = Parser.parse(Path.of(arguments[0]));
    // Compiled once, not for each VM.
    var machine = MachineFactoryCompiler.compile(module);
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    var logs = new ArrayList<String>();
    ProxyWasm plugin = null;
    Bare root = null;
    for (String line; (line = in.readLine()) != null; ) {
      var fields = line.split(" ");
      var out = new ArrayList<String>();
      switch (fields[0]) {
        case "start":
          if (plugin != null) {
            plugin.close();
          }
          plugin = null;
          logs.clear();
          root = new Bare(decode(fields[1]).equals("state"), Base64.getDecoder().decode(fields[2].substring(1)), logs);
          try {
            plugin = ProxyWasm.builder().withPluginHandler(root).withMachineFactory(machine).build(module);
            out.add("started");
          } catch (StartException e) {
            out.add("refused");
          }
          for (String log : logs) {
            out.add(encode(log));
          }
          break;
        case "request":
          var handler = new Bare(root.state, root.config, logs);
          handler.request = ProxyMap.of();
          for (int i = 1; i < fields.length; i += 2) {
            handler.request.add(decode(fields[i]), decode(fields[i + 1]));
          }
          try (var context = plugin.createHttpContext(handler)) {
            var action = context.callOnRequestHeaders(true);
            if (handler.reply != null) {
              out.add(action == Action.PAUSE ? "replied" : "replied and continued");
              out.addAll(handler.reply);
            } else {
              out.add(action == Action.PAUSE ? "paused" : "continued");
              append(out, handler.request);
            }
          }
          out.add("state");
          append(out, handler.properties);
          break;
        default:
          throw new IllegalArgumentException(fields[0]);
      }
      System.out.println(String.join(" ", out));
    }
  }
}
