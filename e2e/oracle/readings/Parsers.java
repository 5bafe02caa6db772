import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.net.URL;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Paths;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;

/** What Java makes of a request target; see parsers.mjs for the lines. */
final class Parsers {
    interface Parser {
        String path(String target) throws Exception;
    }

    private static String target(String s) {
        int i = s.indexOf('?');
        return i < 0 ? s : s.substring(0, i);
    }

    private static final Map<String, Parser> PARSERS = new LinkedHashMap<>();

    static {
        PARSERS.put("java URI.getPath", s -> new URI(s).getPath());
        PARSERS.put("java URI.normalize", s -> new URI(s).normalize().getRawPath());
        PARSERS.put("java URI.normalize, decoded", s -> new URI(s).normalize().getPath());
        PARSERS.put("java URI.resolve", s -> new URI("http://h/").resolve(s).getPath());
        PARSERS.put("java URL of host and path", s -> new URL("http://h" + s).getPath());
        PARSERS.put("java URL in context", s -> new URL(new URL("http://h/"), s).getPath());
        PARSERS.put("java URLDecoder", s -> URLDecoder.decode(target(s), StandardCharsets.UTF_8));
        PARSERS.put("java Path.normalize", s -> Paths.get(URLDecoder.decode(target(s), StandardCharsets.ISO_8859_1)).normalize().toString());
    }

    private static String encode(String s) {
        boolean wide = s.chars().anyMatch(c -> c > 0xff);
        return "x" + HexFormat.of().formatHex(s.getBytes(wide ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1));
    }

    private static String answer(Parser parser, String s) {
        try {
            String path = parser.path(s);
            return path == null ? "-" : encode(path);
        } catch (Exception refused) {
            return "-";
        }
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(new java.io.BufferedOutputStream(System.out, 1 << 16), false);
        out.println(String.join("\t", PARSERS.keySet()));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String s = new String(HexFormat.of().parseHex(line), StandardCharsets.ISO_8859_1);
            StringBuilder row = new StringBuilder();
            for (Parser parser : PARSERS.values()) {
                row.append(row.length() == 0 ? "" : " ").append(answer(parser, s));
            }
            out.println(row);
        }
        out.flush();
    }
}
