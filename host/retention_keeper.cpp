#include "retention_keeper.h"

#include <chrono>
#include <utility>

namespace atelier::host {

RetentionKeeper::RetentionKeeper(std::shared_ptr<Catalog> catalog, Decides decides, int every_ms,
                                 const PeerClocks& others)
    : catalog_(std::move(catalog)),
      decides_(std::move(decides)),
      every_ms_(every_ms),
      others_(others) {
  thread_ = std::thread([this] { loop(); });
}

RetentionKeeper::~RetentionKeeper() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

bool RetentionKeeper::stopping() const {
  const std::scoped_lock lock(mutex_);
  return stopping_;
}

void RetentionKeeper::loop() {
  std::unique_lock lock(mutex_);
  const auto pause = std::chrono::milliseconds(every_ms_);
  while (!stopped_.wait_for(lock, pause, [this] { return stopping_; })) {
    lock.unlock();
    run_once();
    lock.lock();
  }
}

void RetentionKeeper::run_once() {
  ExpireOptions options;
  options.trusted_ms = others_.wall_ms();
  for (const std::string& database : catalog_->opened()) {
    if (stopping()) return;
    if (database.starts_with('_') || !decides_(database)) continue;
    const auto store = catalog_->open(database, false);
    if (!store) continue;  // removed meanwhile, or told where it is opened
    // What fails now (a full disk, a clock that is off) is tried again in the next round.
    if ((*store)->expire(options)) (void)(*store)->forget_tombstones();
  }
}

}  // namespace atelier::host
