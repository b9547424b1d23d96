using System.Globalization;

namespace DilatedKernels.Optim;

/// <summary>Range checks of learning rates, momenta and the like.</summary>
internal static class OptimizerSetting
{
    /// <summary>0 or more and less than 1.</summary>
    public static float Fraction(float value, string name)
    {
        Check(value, value is >= 0f and < 1f, name, "0 or more and less than 1");
        return value;
    }

    /// <summary>0 or more and finite.</summary>
    public static float NotNegative(float value, string name)
    {
        Check(value, float.IsFinite(value) && value >= 0f, name, "0 or more and finite");
        return value;
    }

    public static void Check(float value, bool isRight, string name, string range)
    {
        if (!isRight)
        {
            throw new ArgumentOutOfRangeException(name, value, string.Create(CultureInfo.InvariantCulture, $"{name} is {range}."));
        }
    }
}
