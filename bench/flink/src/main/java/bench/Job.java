package bench;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.jdbc.JdbcConnectionOptions;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Debezium's topics up to where they end now, into the tables of the schema `peer`, in a
 * MiniCluster. Arguments: brokers, topic prefix, JDBC URL, parallelism. Prints one line of JSON.
 */
public final class Job {
  private Job() {}

  public static void main(String[] args) {
    try {
      run(args);
    } catch (Exception error) {
      error.printStackTrace();
      System.exit(1); // a MiniCluster's threads would keep the process alive
    }
    System.exit(0);
  }

  private static void run(String[] args) throws Exception {
    String brokers = args[0];
    String prefix = args[1];
    String url = args[2];
    int parallelism = Integer.parseInt(args[3]);

    var environment =
        StreamExecutionEnvironment.createLocalEnvironment(parallelism, memory(parallelism));
    environment.getConfig().enableObjectReuse(); // no copies between chained operators

    List<String> topics = new ArrayList<>();
    for (Table table : Table.values()) topics.add(prefix + ".public." + table.source);
    KafkaSource<Change> source =
        KafkaSource.<Change>builder()
            .setBootstrapServers(brokers)
            .setTopics(topics)
            .setGroupId("flink-" + parallelism)
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setBounded(OffsetsInitializer.latest())
            .setDeserializer(new Parser(prefix))
            .build();
    DataStream<Change> changes =
        environment.fromSource(source, WatermarkStrategy.noWatermarks(), "topics");

    var connection =
        new JdbcConnectionOptions.JdbcConnectionOptionsBuilder()
            .withUrl(url)
            .withDriverName("org.postgresql.Driver")
            .build();
    for (Table table : Table.values()) {
      changes.filter(change -> change.table == table).addSink(Sink.of(table, connection));
    }
    environment.execute();

    double seconds = (System.nanoTime() - Parser.firstAt) / 1e9;
    var runtime = ManagementFactory.getRuntimeMXBean();
    double sinceStart = (System.currentTimeMillis() - runtime.getStartTime()) / 1e3;
    System.out.printf("{\"seconds\": %.3f, \"sinceStart\": %.3f}%n", seconds, sinceStart);
  }

  /** The areas of the job that Sluice replaces. The framework's, heap, metaspace and direct memory
   * are the JVM's own flags: a MiniCluster's processes are one. */
  private static Configuration memory(int slots) {
    var configuration = new Configuration();
    configuration.set(TaskManagerOptions.NUM_TASK_SLOTS, slots);
    configuration.set(TaskManagerOptions.TASK_HEAP_MEMORY, MemorySize.ofMebiBytes(512));
    configuration.set(TaskManagerOptions.TASK_OFF_HEAP_MEMORY, MemorySize.ofMebiBytes(256));
    configuration.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(512));
    // A MiniCluster wants one size, so the larger one: 64 MB to 128 MB.
    configuration.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(128));
    configuration.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(128));
    return configuration;
  }
}
