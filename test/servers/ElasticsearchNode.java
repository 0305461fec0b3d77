import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * One Elasticsearch node out of the published jars: the server and its HTTP module, without the
 * distribution's launcher and without x-pack. Arguments: the node's home, the folder of jars.
 */
public final class ElasticsearchNode {
    private static final String MODULE = "transport-netty4";
    private static final String DESCRIPTOR =
        "META-INF/es-plugins/" + MODULE + "/plugin-descriptor.properties";

    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]);
        module(home.resolve("modules").resolve(MODULE), Path.of(args[1]));
        Path config = home.resolve("config");
        LogConfigurator.configureESLogging();
        Settings settings = Settings.builder()
            .loadFromPath(config.resolve("elasticsearch.yml"))
            .put("path.home", home.toString())
            .build();
        Environment environment = new Environment(settings, config);
        LogConfigurator.setNodeName(settings.get("node.name"));
        LogConfigurator.configure(environment, true);
        // No module path: everything is on the class path, so the loader exports nothing to modules.
        PluginsLoader plugins = PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(environment.modulesDir()), Set.of(), Map.of(), false);
        Node node = new Node(environment, plugins);
        node.start();
        System.out.println("NODE STARTED");
        Thread.currentThread().join();
    }

    /** A module's folder as in the distribution: its jars and its descriptor, which is in one of them. */
    private static void module(Path folder, Path jars) throws Exception {
        Files.createDirectories(folder);
        try (DirectoryStream<Path> found = Files.newDirectoryStream(jars, "{transport-netty4,netty}-*.jar")) {
            for (Path jar : found) {
                Path copy = folder.resolve(jar.getFileName().toString());
                if (!Files.exists(copy)) Files.createSymbolicLink(copy, jar);
                if (jar.getFileName().toString().startsWith(MODULE)) descriptor(jar, folder);
            }
        }
    }

    private static void descriptor(Path jar, Path folder) throws Exception {
        try (JarFile file = new JarFile(jar.toFile());
             InputStream in = file.getInputStream(file.getEntry(DESCRIPTOR))) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            String plain = text.lines().filter(l -> !l.startsWith("modulename=")).collect(Collectors.joining("\n"));
            Files.writeString(folder.resolve("plugin-descriptor.properties"), plain + "\n");
        }
    }
}
