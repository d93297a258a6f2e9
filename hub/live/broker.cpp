#include "hub/live/broker.hpp"

#include <list>
#include <mutex>
#include <utility>

namespace vpn_sentinel {
namespace {

class ListBroker final : public Broker {
 public:
  std::unique_ptr<Subscription> subscribe(Sink sink) override {
    const std::lock_guard lock(mutex_);
    sinks_.push_front(std::move(sink));
    return std::make_unique<Entry>(*this, sinks_.begin());
  }

  void publish(std::shared_ptr<const std::string> message) override {
    const std::lock_guard lock(mutex_);
    for (const auto& sink : sinks_) sink(message);
  }

  std::size_t subscribers() const override {
    const std::lock_guard lock(mutex_);
    return sinks_.size();
  }

 private:
  class Entry final : public Subscription {
   public:
    Entry(ListBroker& broker, std::list<Sink>::iterator place) : broker_(broker), place_(place) {}
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() override {
      std::list<Sink> removed;  // destroyed without the lock: what a sink holds may be anything
      const std::lock_guard lock(broker_.mutex_);
      removed.splice(removed.begin(), broker_.sinks_, place_);
    }

   private:
    ListBroker& broker_;
    std::list<Sink>::iterator place_;
  };

  mutable std::mutex mutex_;
  std::list<Sink> sinks_;
};

}  // namespace

std::unique_ptr<Broker> Broker::make() { return std::make_unique<ListBroker>(); }

}  // namespace vpn_sentinel
