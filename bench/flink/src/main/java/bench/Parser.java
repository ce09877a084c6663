package bench;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Debezium's JSON, without schemas, by Jackson into POJOs with Instants. */
final class Parser implements KafkaRecordDeserializationSchema<Change> {
  private final String prefix;
  private transient Map<String, Table> tables;
  private transient Map<Table, ObjectReader> readers;
  /** When this process parsed its first record, by System.nanoTime; 0: none. */
  static volatile long firstAt;

  Parser(String prefix) {
    this.prefix = prefix;
  }

  @Override
  public void open(DeserializationSchema.InitializationContext context) {
    var mapper = new ObjectMapper().registerModule(new JavaTimeModule());
    mapper.disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    mapper.disable(DeserializationFeature.READ_DATE_TIMESTAMPS_AS_NANOSECONDS);
    tables = new HashMap<>();
    readers = new HashMap<>();
    for (Table table : Table.values()) {
      tables.put(prefix + ".public." + table.source, table);
      var type =
          mapper.getTypeFactory().constructParametricType(Rows.Envelope.class, table.rowClass);
      readers.put(table, mapper.readerFor(type));
    }
  }

  @Override
  public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Change> out)
      throws IOException {
    if (firstAt == 0) firstAt = System.nanoTime();
    if (record.value() == null) return; // a tombstone
    Table table = tables.get(record.topic());
    Rows.Envelope<Rows.Row> envelope = readers.get(table).readValue(record.value());
    boolean isDelete = envelope.op.equals("d");
    out.collect(new Change(table, isDelete, isDelete ? envelope.before : envelope.after));
  }

  @Override
  public TypeInformation<Change> getProducedType() {
    return TypeInformation.of(Change.class);
  }
}
