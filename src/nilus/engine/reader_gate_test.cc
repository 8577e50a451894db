#include "nilus/engine/reader_gate.h"

#include <gtest/gtest.h>

#include <thread>

namespace nilus {
namespace {

using std::chrono::milliseconds;

TEST(ReaderGateTest, OneReaderMoreForAWriterThatWaits) {
  ReaderGate gate;
  for (int batch = 0; batch < 4; ++batch) gate.WriterWrote(milliseconds(5), milliseconds(1));
  EXPECT_TRUE(gate.Enter({}));
  // The next one has to wait for the next look: by then nothing is left.
  bool entered = true;
  std::jthread next([&] { entered = gate.Enter({}); });
  gate.WriterWrote(milliseconds(5), milliseconds(1));
  gate.Close();
  next.join();
  EXPECT_FALSE(entered);
}

TEST(ReaderGateTest, NoneForAWriterThatIsBusy) {
  ReaderGate gate;
  gate.WriterWrote(milliseconds(500), milliseconds(10));  // the first batch is always waited for
  for (int batch = 0; batch < 20; ++batch) gate.WriterWrote(milliseconds(2), milliseconds(10));
  gate.Close();
  EXPECT_FALSE(gate.Enter({}));
}

TEST(ReaderGateTest, OneMoreWhenNothingComesForLong) {
  ReaderGate gate;
  bool entered = false;
  std::jthread reader([&] { entered = gate.Enter({}); });
  gate.WriterWaitsLong();
  reader.join();
  EXPECT_TRUE(entered);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(gate.Enter(stop.get_token()));  // one wait lets one in
}

TEST(ReaderGateTest, AStopLetsThemGo) {
  ReaderGate gate;
  std::stop_source stop;
  bool entered = true;
  std::jthread reader([&] { entered = gate.Enter(stop.get_token()); });
  stop.request_stop();
  reader.join();
  EXPECT_FALSE(entered);
}

}  // namespace
}  // namespace nilus
