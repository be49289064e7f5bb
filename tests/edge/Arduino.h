/* What the sketch uses of an Arduino core, so that a compiler for the core's processor checks it. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stddef.h>
#include <stdint.h>

struct SerialPort {
    void begin(unsigned long baud);
    size_t write(uint8_t character);
    explicit operator bool() const;
};
extern SerialPort Serial;
unsigned long millis();

#endif
