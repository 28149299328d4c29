#include "ppp/ppp.h"
