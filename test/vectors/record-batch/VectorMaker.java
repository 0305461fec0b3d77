import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Fills topics with Kafka's own producer, and lists topics with Kafka's own consumer, for the golden
 * vectors beside this file. `make.sh` runs it; tests only read what it made.
 *   VectorMaker produce BROKERS            VectorMaker list BROKERS TOPIC ISOLATION FILE
 */
public class VectorMaker {
  static final long T0 = 1763690000000L;
  /** Else a segment ends where timestamps are a week apart. */
  static final Map<String, String> ONE_SEGMENT = Map.of("segment.ms", "9000000000000");

  public static void main(String[] args) throws Exception {
    if (args[0].equals("list")) {
      list(args[1], args[2], args[3], Path.of(args[4]));
      return;
    }
    String brokers = args[1];
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      create(brokers, "kcat-" + codec, ONE_SEGMENT);
      create(brokers, "java-" + codec, ONE_SEGMENT);
      odd(brokers, "java-" + codec, codec);
    }
    create(brokers, "java-append-time", Map.of("message.timestamp.type", "LogAppendTime", "segment.ms", "9000000000000"));
    odd(brokers, "java-append-time", "lz4");
    create(brokers, "java-transactions", ONE_SEGMENT);
    transactions(brokers, "java-transactions");
    create(brokers, "java-compacted", Map.of("cleanup.policy", "compact", "segment.ms", "1000",
        "min.cleanable.dirty.ratio", "0.001", "delete.retention.ms", "86400000"));
    compacted(brokers, "java-compacted");
  }

  static void create(String brokers, String topic, Map<String, String> configs) throws Exception {
    Properties p = new Properties();
    p.put("bootstrap.servers", brokers);
    try (Admin admin = Admin.create(p)) {
      admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1).configs(configs))).all().get();
    }
  }

  static KafkaProducer<byte[], byte[]> producer(String brokers, String codec, String transactional) {
    Properties p = new Properties();
    p.put("bootstrap.servers", brokers);
    p.put("compression.type", codec);
    p.put("batch.size", 1 << 19);
    p.put("linger.ms", 2000);
    if (transactional != null) p.put("transactional.id", transactional);
    return new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
  }

  static byte[] b(String text) {
    return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
  }

  static ProducerRecord<byte[], byte[]> record(String topic, long ms, byte[] key, byte[] value, String... headers) {
    ProducerRecord<byte[], byte[]> r = new ProducerRecord<>(topic, 0, ms, key, value);
    for (int i = 0; i < headers.length; i += 2) r.headers().add(headers[i], b(headers[i + 1]));
    return r;
  }

  /** What a reader may get wrong, and then more than one 64 KiB block of values. */
  static void odd(String brokers, String topic, String codec) {
    try (KafkaProducer<byte[], byte[]> p = producer(brokers, codec, null)) {
      p.send(record(topic, T0, b("key"), b("value"), "h", "1"));
      p.send(record(topic, T0 - 5000, null, b("null key, earlier than the first")));
      p.send(record(topic, T0 + 1, b(""), b("")));
      p.send(record(topic, T0 + 1, b("tombstone"), null));
      p.send(record(topic, 0, null, null, "a", null, "a", "", "a", "x", "", "empty name", "ä→", "ü"));
      p.send(record(topic, T0 + 4_000_000_000L, new byte[] {0, (byte) 0xff, (byte) 0xc3, 0x28},
          new byte[] {(byte) 0x80, 0, 1, 2, (byte) 0xfe}, "z", "1", "a", "2", "z", "1"));
      p.flush();
      Random random = new Random(7);
      for (int i = 0; i < (codec.equals("none") ? 30 : 120); i++) {
        StringBuilder text = new StringBuilder("{\"n\":" + i);
        for (int k = 0; k < 16; k++) text.append(",\"field_").append(k).append("\":\"").append("lorem ipsum dolor sit amet consectetur ".repeat(2), 0, 30 + random.nextInt(40)).append('"');
        p.send(record(topic, T0 + i / 3, b("k" + i % 7), b(text + "}"), "trace", Integer.toHexString(random.nextInt())));
      }
    }
  }

  /** Committed, aborted, interleaved, committed by the same producer after an abort, empty, left open. */
  static void transactions(String brokers, String topic) {
    List<KafkaProducer<byte[], byte[]>> ps = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      ps.add(producer(brokers, i == 1 ? "lz4" : "none", "vector-" + i));
      ps.get(i).initTransactions();
    }
    KafkaProducer<byte[], byte[]> plain = producer(brokers, "none", null);
    for (int round = 0; round < 6; round++) {
      for (int i = 0; i < 3; i++) ps.get(i).beginTransaction();
      for (int part = 0; part < 2; part++) {
        for (int i = 0; i < 3; i++) {
          for (int k = 0; k <= i; k++) ps.get(i).send(record(topic, T0 + round, b("p" + i), b("round " + round + " part " + part + " k " + k)));
          ps.get(i).flush();
        }
        plain.send(record(topic, T0 + round, b("plain"), b("round " + round)));
        plain.flush();
      }
      for (int i = 0; i < 3; i++) {
        if ((round + i) % 3 == 0) ps.get(i).abortTransaction(); else ps.get(i).commitTransaction();
      }
      ps.get(3).beginTransaction();
      ps.get(3).abortTransaction();
    }
    ps.get(3).beginTransaction();
    ps.get(3).send(record(topic, T0 + 9, b("p3"), b("never ended")));
    ps.get(3).flush();
    plain.send(record(topic, T0 + 9, b("plain"), b("behind the open transaction")));
    plain.close();
    for (int i = 0; i < 3; i++) ps.get(i).close();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> Runtime.getRuntime().halt(0)));
  }

  static void compacted(String brokers, String topic) throws Exception {
    for (String codec : List.of("none", "zstd", "lz4")) {
      try (KafkaProducer<byte[], byte[]> p = producer(brokers, codec, null)) {
        for (int i = 0; i < 40; i++) {
          byte[] value = i % 9 == 4 ? null : b(codec + " " + i);
          p.send(record(topic, T0 + i, b(i % 4 == 0 ? codec + i : "k" + i % 13), value));
          if (i % 10 == 9) p.flush();
        }
      }
    }
    // Two rolls: the segment in use is never cleaned.
    for (int i = 0; i < 2; i++) {
      Thread.sleep(1500);
      try (KafkaProducer<byte[], byte[]> p = producer(brokers, "none", null)) {
        p.send(record(topic, System.currentTimeMillis(), b("roll"), b("" + i)));
      }
    }
  }

  static void list(String brokers, String topic, String isolation, Path file) throws Exception {
    Properties p = new Properties();
    p.put("bootstrap.servers", brokers);
    p.put("isolation.level", isolation);
    TopicPartition tp = new TopicPartition(topic, 0);
    List<String> lines = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> c = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      c.assign(List.of(tp));
      c.seekToBeginning(List.of(tp));
      long end = c.endOffsets(List.of(tp)).get(tp);
      while (c.position(tp) < end) {
        for (ConsumerRecord<byte[], byte[]> r : c.poll(Duration.ofMillis(500))) lines.add(line(r));
      }
    }
    Files.write(file, lines);
  }

  static String line(ConsumerRecord<byte[], byte[]> r) throws Exception {
    List<String> headers = new ArrayList<>();
    for (Header h : r.headers()) headers.add("[" + bytes(b(h.key())) + "," + bytes(h.value()) + "]");
    return "{\"offset\":" + r.offset() + ",\"timestamp\":" + r.timestamp() + ",\"timestampType\":\"" + r.timestampType()
        + "\",\"key\":" + bytes(r.key()) + ",\"value\":" + bytes(r.value()) + ",\"headers\":[" + String.join(",", headers) + "]}";
  }

  /** Base64 or null; long ones as their SHA-256. */
  static String bytes(byte[] data) throws Exception {
    if (data == null) return "null";
    if (data.length <= 60) return "\"" + Base64.getEncoder().encodeToString(data) + "\"";
    return "\"sha256:" + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data)) + "\"";
  }
}
