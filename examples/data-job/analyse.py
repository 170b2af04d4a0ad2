import json

import numpy

temperatures = numpy.loadtxt("readings.csv", delimiter=",", skiprows=1, usecols=1)
summary = {
    "rows": len(temperatures),
    "mean": round(float(temperatures.mean()), 4),
    "deviation": round(float(temperatures.std()), 4),
}
with open("summary.json", "w") as file:
    json.dump(summary, file)
