#!/usr/bin/env bash
# Makes the golden vectors of this folder from a running Kafka 4.1 with empty data. Tests do not need it.
# usage: make.sh BROKER LOG_DIR KAFKA_LIB   (LOG_DIR: the broker's log.dirs; KAFKA_LIB: a folder of its jars)
set -euo pipefail
broker=$1 logs=$2 lib=$3
here=$(cd "$(dirname "$0")" && pwd)
maker() { java -cp "$lib/*" "$here/VectorMaker.java" "$@" 2> >(grep -Ev 'SLF4J|WARN' >&2); }
maker produce "$broker"
for codec in none gzip snappy lz4 zstd; do
  { printf 'key\tvalue\n\tempty key\ntombstone\t\n'
    for i in $(seq "$([ "$codec" = none ] && echo 30 || echo 120)"); do
      printf 'k%d\t{"n":%d,"text":"%s"}\n' $((i % 7)) "$i" "$(printf 'lorem ipsum dolor sit amet %d ' $(seq $((i % 19 + 26))))"
    done
  } | kcat -P -b "$broker" -t "kcat-$codec" -p 0 -z "$codec" -K $'\t' -Z -H a=1 -H a=2 -H empty= -X linger.ms=1000 -X topic.partitioner=random
done
# The cleaner looks every 15 seconds.
for _ in $(seq 60); do
  sleep 1
  grep -q '^java-compacted 0' "$logs/cleaner-offset-checkpoint" && break
done
sleep 2
for topic in {java,kcat}-{none,gzip,snappy,lz4,zstd} java-append-time java-transactions java-compacted; do
  cp "$logs/$topic-0/00000000000000000000.log" "$here/$topic.log"
  maker list "$broker" "$topic" read_uncommitted "$here/$topic.jsonl"
done
cp "$logs"/java-transactions-0/*.txnindex "$here/java-transactions.txnindex"
maker list "$broker" java-transactions read_committed "$here/java-transactions.committed.jsonl"
