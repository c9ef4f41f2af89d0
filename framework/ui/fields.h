// What is kept of a text_field() or text_area() between frames. Thread rule: main thread.
#pragma once

#include <string>

#include "ui/string_model.h"

namespace atelier::ui {

struct KeptField {
  KeptField()
      : model([this](std::size_t position, std::size_t erased, std::size_t inserted, bool own) {
          editor.patched(position, erased, inserted, own);
        }) {}
  KeptField(const KeptField&) = delete;
  KeptField& operator=(const KeptField&) = delete;

  TextEditor editor;
  StringModel model;
  std::string value;  // as the caller had it last
  int frame = 0;      // when it was drawn last
};

/// At the beginning of a frame.
void trim_fields();

}  // namespace atelier::ui
