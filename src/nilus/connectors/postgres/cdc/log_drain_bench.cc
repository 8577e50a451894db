// Draining a backlog of a real server's log, beside `pg_recvlogical -f /dev/null` over the same backlog: transactions
// of one row and of a thousand. NILUS_BENCH_ROWS sets the rows of each (400,000).
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "nilus/connectors/postgres/cdc/change_source.h"
#include "nilus/connectors/postgres/cdc/log_messages.h"
#include "nilus/connectors/postgres/cdc/log_testing.h"
#include "nilus/connectors/postgres/server_testing.h"

namespace {

using namespace nilus;            // NOLINT
using namespace nilus::postgres;  // NOLINT

int64_t RowCount() {
  const char* given = std::getenv("NILUS_BENCH_ROWS");
  return given == nullptr ? 400'000 : std::atoll(given);
}

// A database whose log holds the rows, and a capture of it that began before.
struct Backlog {
  explicit Backlog(int64_t rows_a_transaction) : address(TestServer::Shared()->NewDatabase()) {
    MustExecute(address,
                "CREATE TABLE t (id bigint PRIMARY KEY, n int, name text, at timestamptz, amount numeric(12,2))");
    auto started = StartCapture(address, Requested({}));
    if (!started) {
      fprintf(stderr, "%s\n", started.error().ToString().c_str());
      std::exit(3);
    }
    capture = *std::move(started);
    static_cast<void>(WaitForView(*capture.source));  // lets go of the snapshot
    MustSelect(address, "SELECT pg_create_logical_replication_slot('beside_" + address.path + "', 'pgoutput')");
    MustExecute(address,
                "CREATE PROCEDURE fill(total bigint, each bigint) LANGUAGE plpgsql AS $$ BEGIN "
                "FOR i IN 0 .. total / each - 1 LOOP INSERT INTO t SELECT i * each + g, g % 1000, "
                "'customer number ' || g, now(), g % 10000 + 0.5 FROM generate_series(1, each) g; COMMIT; END "
                "LOOP; END $$");
    MustExecute(address, "CALL fill(" + std::to_string(RowCount()) + ", " + std::to_string(rows_a_transaction) + ")");
    MustExecute(address, "SELECT pg_logical_emit_message(true, 'end', '')");
    end = MustSelect(address, "SELECT pg_current_wal_insert_lsn()");
    MustExecute(address, "SELECT pg_logical_emit_message(true, 'behind', ''); CHECKPOINT");
  }
  Address address;
  Capture capture;
  std::string end;
};

double Seconds(std::chrono::steady_clock::time_point from) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count();
}

void BM_Drain(benchmark::State& state) {
  Backlog backlog(state.range(0));
  uint64_t end = 0;
  static_cast<void>(ParseLsn(backlog.end, &end));
  const std::string beside =
      "/usr/lib/postgresql/15/bin/pg_recvlogical --start --no-loop --slot beside_" + backlog.address.path + " -d " +
      backlog.address.path + " -h 127.0.0.1 -p " + std::to_string(TestServer::Shared()->port()) +
      " -U postgres -o proto_version=1 -o publication_names=nilus_test --endpos " + backlog.end + " -f /dev/null";
  double best_other = 0;
  double best_ours = 0;
  for (auto unused : state) {
    for (int round = 0; round < 3; ++round) {
      auto from = std::chrono::steady_clock::now();
      // Without a confirmation the slot begins anew each time: pg_recvlogical confirms at its end, so it gets a copy.
      MustSelect(backlog.address,
                 "SELECT pg_copy_logical_replication_slot('beside_" + backlog.address.path + "', 'round', false)");
      std::string command = beside;
      command.replace(command.find("beside_" + backlog.address.path), 7 + backlog.address.path.size(), "round");
      from = std::chrono::steady_clock::now();
      if (std::system(command.c_str()) != 0) return state.SkipWithError("pg_recvlogical failed");
      const double other = Seconds(from);
      MustSelect(backlog.address, "SELECT pg_drop_replication_slot('round')");

      from = std::chrono::steady_clock::now();
      auto reader = backlog.capture.source->Stream(backlog.capture.start.from);
      if (!reader) return state.SkipWithError("the stream did not start");
      int64_t rows = 0;
      LogPosition complete;
      while (complete.major < end) {
        auto chunk = (*reader)->Next(2048, 1 << 20, std::chrono::milliseconds(100), {});
        if (!chunk) return state.SkipWithError("the stream failed");
        for (const ChangeBatch& batch : chunk->batches) rows += batch.rows.num_rows();
        complete = chunk->complete;
      }
      const double ours = Seconds(from);
      if (rows != RowCount()) return state.SkipWithError("rows are missing");
      best_other = round == 0 ? other : std::min(best_other, other);
      best_ours = round == 0 ? ours : std::min(best_ours, ours);
    }
  }
  state.SetItemsProcessed(RowCount());
  state.counters["ours_s"] = best_ours;
  state.counters["recvlogical_s"] = best_other;
  state.counters["ratio"] = best_ours / best_other;
  backlog.capture = {};
  EndCaptures(*TestServer::Shared());
}
BENCHMARK(BM_Drain)->Arg(1)->Arg(1000)->Iterations(1)->UseRealTime()->Unit(benchmark::kSecond);

}  // namespace

BENCHMARK_MAIN();
