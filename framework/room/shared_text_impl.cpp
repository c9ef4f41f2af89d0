#include "room/shared_text_impl.h"

namespace atelier {

Result<std::unique_ptr<SharedText>> open_shared_text(std::shared_ptr<RawCollection>,
                                                     std::shared_ptr<RawPresence>,
                                                     const std::string&) {
  return Error{ErrorCode::kUnsupported, "texts are not here yet"};
}

}  // namespace atelier
